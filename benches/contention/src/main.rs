//! Many clients at one resource, in virtual time.
//!
//! Each of N processes commits one edit to one document, all at the same time. The real client with its defaults is
//! compared with typical hand-written loops. The clock is tokio's paused clock. It advances when all tasks wait, so a
//! race of a minute takes only its computation time.
//!
//! ```text
//! cargo run --release -- [--jitter 0.1] [--loss 0] [--late 0] [--delay-ms 100] [--runs 8]
//!                        [--writers 2,8,64,256,1000] [--plot ../../docs/contention.svg]
//!                        [--only crowds|hot]
//! ```

mod hot;
mod network;
mod plot;
mod run;
mod writer;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use network::Weather;
use writer::Writer;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options: BTreeMap<&str, &str> = arguments
        .chunks(2)
        .map(|pair| (pair[0].as_str(), pair.get(1).map_or("", String::as_str)))
        .collect();
    let number = |name: &str, otherwise: f64| {
        let given = options.get(name).map(|text| text.parse());
        given.unwrap_or(Ok(otherwise))
    };
    let weather = Weather {
        round_trip: Duration::from_millis(20),
        jitter: number("--jitter", 0.1)?,
        loss: number("--loss", 0.0)?,
        late: number("--late", 0.0)?,
        delay: Duration::from_secs_f64(number("--delay-ms", 100.0)? / 1000.0),
    };
    let runs = number("--runs", 8.0)? as u32;
    let writers = options.get("--writers").unwrap_or(&"2,8,64,256,1000");
    let writers: Vec<u32> = writers
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()?;

    let only = options.get("--only").copied().unwrap_or_default();
    if only != "hot" {
        crowds(weather, runs, &writers, options.get("--plot").copied())?;
    }
    if only != "crowds" {
        hot::table(weather, runs * 16);
    }
    Ok(())
}

fn crowds(
    weather: Weather,
    runs: u32,
    writers: &[u32],
    plot: Option<&str>,
) -> Result<(), Box<dyn Error>> {
    let alone = run::alone(weather);
    println!("{weather:?}\n{runs} runs; one edit alone takes {alone:?}\n");
    println!("| | writers | requests per commit | time ÷ serial | slowest ÷ median | given up |");
    println!("|---|---|---|---|---|---|");
    let mut lines = Vec::new();
    for writer in Writer::ALL {
        let mut line = Vec::new();
        for count in writers {
            // Few writers vary more from run to run.
            let runs = runs * (64 / count).max(1);
            let figures = run::races(writer, *count, weather, alone, runs);
            println!(
                "| {} | {count} | {:.1} | {:.2} | {:.1} | {:.1} % |",
                writer.name(),
                figures.requests,
                figures.time,
                figures.slowest,
                100.0 * figures.given_up
            );
            line.push((*count, figures));
        }
        lines.push((writer, line));
    }
    if let Some(path) = plot {
        plot::plot(&PathBuf::from(path), &lines)?;
    }
    Ok(())
}
