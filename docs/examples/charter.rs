use aios_control::Ask;
use aios_runtime::Node;
use aios_work::Charter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let charter = Charter::parse("---\nname: clerk\ndescription: Adds up.\ntools: [calc]\n---\nAdd up what you are told.")?;
    let node = Node::builder().start().await?;
    node.spawn_charter(charter, None).await?;
    let ask = Ask { agent: "clerk".into(), content: "Add 1.20 and 3.40.".into(), deadline_ms: 30_000 };
    let said = node.control().ask_agent(ask).await?;
    println!("{}: {}", said.agent, said.content);
    node.stop().await;
    Ok(())
}
