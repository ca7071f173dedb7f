//! A journal in a folder: append, wait, read again, verify.
//!
//! `cargo run -p aios-journal --example append_and_replay -- FOLDER`

use std::error::Error;
use std::sync::Arc;

use aios_journal::{Disk, Draft, Journal, Options, Payload, RealDisk, system_clock, verify};
use aios_protocols::{PrincipalId, PrincipalKind, SigningIdentity, TenantId};

#[allow(clippy::print_stdout)] // an example speaks
fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder")?;
    let party = PrincipalId::new(PrincipalKind::Service, "journal", &TenantId::new("local")?)?;
    // A program of its own keeps its key; here everybody may know it.
    let identity = Arc::new(SigningIdentity::from_seed(party, [7; 32]));
    let key = identity.public_key();

    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder)?);
    let (journal, recovery) = Journal::open(
        Arc::clone(&disk),
        Options::default(),
        identity,
        system_clock(),
    )?;
    println!("{recovery}");

    // Two entries in one unit: after a crash both are there or neither.
    let say =
        |key: &str, what: &str| Draft::set(key, "example", key, Payload::new("text", 1, what));
    let number = journal.commit(vec![say("greeting", "hello"), say("name", "world")])?;
    println!("lasting up to {number}");

    for entry in journal.read(1) {
        match entry {
            Ok(entry) => println!(
                "{} {} {:?}",
                entry.sequence, entry.draft.key, entry.draft.after
            ),
            Err(damage) => println!("damaged: {damage}"),
        }
    }
    journal.close();
    println!("{}", verify(&disk, &|seen| *seen == key)?);
    Ok(())
}
