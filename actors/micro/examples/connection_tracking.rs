//! A kind of one's own in one file: a firewall's connection tracking, one agent per flow.
//!
//! `cargo run -p aios-micro --example connection_tracking`

use std::io::Write;
use std::time::Duration;

use aios_micro::{Act, Around, Effects, Event, Handle, Kind, KindConfig, Restart, WholeLine, Zone};
use aios_supervisor::Supervisor;

// The vocabulary.
const PACKET: u8 = 0; // `arg` are the TCP flags, `value` the length
const EXPIRE: u8 = 1; // leave if silent for `value` milliseconds

const SYN: u16 = 0x02;
const ACK: u16 = 0x10;
const FIN: u16 = 0x01;
const RST: u16 = 0x04;

#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(u8)]
enum Phase {
    New,
    SynSeen,
    Established,
    Closing,
}

/// 40 bytes of state: with the header exactly one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct FlowState {
    bytes: u64,
    packets: u32,
    last: u32,
    phase: Phase,
    /// Packets that do not fit the phase: what an operator wants to know.
    odd: u16,
    spare: [u32; 5],
}

struct Flow;

impl Kind for Flow {
    const NAME: &'static str = "flow";
    const BYTES: usize = 64;
    type Line = WholeLine;
    type State = FlowState;
    /// A flow whose agent panics is forgotten; its next packet makes a new one.
    const RESTART: Restart = Restart::Temporary;

    fn birth(_five_tuple: u64) -> FlowState {
        FlowState {
            bytes: 0,
            packets: 0,
            last: 0,
            phase: Phase::New,
            odd: 0,
            spare: [0; 5],
        }
    }

    fn behave(
        flow: &mut FlowState,
        event: &Event,
        around: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    ) {
        match event.code {
            PACKET => {
                flow.bytes += u64::from(event.value);
                flow.packets += 1;
                flow.last = around.now();
                effects.deposit(1.0); // the busiest flows leave the strongest trail: that is the top-K
                flow.phase = match (flow.phase, event.arg) {
                    (_, flags) if flags & RST != 0 => return effects.stop(),
                    (Phase::New, SYN) => Phase::SynSeen,
                    (Phase::SynSeen, flags) if flags & ACK != 0 => Phase::Established,
                    (Phase::Established, flags) if flags & FIN != 0 => Phase::Closing,
                    (Phase::Closing, flags) if flags & FIN != 0 => return effects.stop(),
                    (Phase::Established | Phase::Closing, _) => flow.phase,
                    (phase, _) => {
                        flow.odd = flow.odd.saturating_add(1);
                        phase
                    }
                };
            }
            EXPIRE if around.now().wrapping_sub(flow.last) >= event.value => effects.stop(),
            EXPIRE => {}
            _ => effects.not_understood(),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let soon = Duration::from_secs(1);
    let zone = Zone::builder("edge-0")
        .kind::<Flow>(KindConfig {
            capacity: 100_000,
            ..KindConfig::of::<Flow>()
        })
        .build()?;
    let tree = Supervisor::start(zone.spec).await?;
    let flows = zone.population;

    let mut handles: Vec<Handle> = Vec::new();
    for five_tuple in 0..1_000 {
        handles.push(flows.spawn("flow", five_tuple)?.within(soon).await?);
    }
    let packet =
        |to: Handle, flags: u16, length: u32| Event::new(to, Act::Inform, PACKET, flags, length);
    let mut packets = Vec::new();
    for (number, flow) in handles.iter().enumerate() {
        packets.extend([packet(*flow, SYN, 60), packet(*flow, ACK, 52)]);
        packets.extend((0..number % 50).map(|_| packet(*flow, ACK, 1_500)));
        if number % 4 == 0 {
            packets.extend([packet(*flow, ACK | FIN, 52), packet(*flow, ACK | FIN, 52)]);
        }
    }
    flows.tell(&mut packets)?;

    let one = flows.look(handles[49])?.within(soon).await?;
    let totals = flows.totals();
    let mut out = std::io::stdout();
    writeln!(out, "{} {:#?}", flows.identity(handles[49])?, one)?;
    writeln!(
        out,
        "{} flows alive, {} packets, {} closed",
        totals.active(),
        totals.counts().handled,
        totals.counts().ended
    )?;
    flows.sweep("flow", Act::Request, EXPIRE, 0, soon).await?;
    writeln!(
        out,
        "{} after all silent ones were expired",
        flows.totals().active()
    )?;
    tree.stop().await;
    Ok(())
}
