use std::path::Path;

use aios_runtime::Node;
use aios_runtime::team::Team;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/team.toml");
    let node = Node::builder().team(Team::load(&file)?).start().await?;
    let agents = node.control().agents().await?;
    let of_team = agents.iter().filter(|agent| agent.charter.is_some());
    assert_eq!(of_team.count(), 3);
    node.stop().await;
    Ok(())
}
