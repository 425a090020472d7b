//! The growth, drawn: hairlines on warm paper, each line named where it ends.

use std::fmt::Write;

use crate::spans::Form;
use crate::store::Size;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 200.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 40.0;

const STYLE: &str = "
  svg { background: #fcfaf6; font: 12px system-ui, sans-serif; }
  text { fill: #695f53; font-variant-numeric: tabular-nums; }
  .title { fill: #1f1a15; font-size: 14px; font-weight: 600; }
  .hair { stroke: #e4dfd5; stroke-width: 1; }
  .alone { stroke: #695f53; fill: none; stroke-width: 1.25; stroke-dasharray: 3 3; }
  .kept { stroke: #2c5a47; fill: none; stroke-width: 2; }
  .kept-name { fill: #2c5a47; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    svg { background: #16130f; }
    text { fill: #a89d8f; }
    .title { fill: #ece6db; }
    .hair { stroke: #37312a; }
    .alone { stroke: #a89d8f; }
    .kept { stroke: #93c9ae; }
    .kept-name { fill: #93c9ae; }
  }
";

/// What the history as JSON costs, kept and each span by itself.
pub(crate) fn drawn(sizes: &[(Form, usize, Size)]) -> String {
    let of_json: Vec<_> = sizes.iter().filter(|(form, ..)| *form == Form::Json).collect();
    let turns = of_json.iter().map(|(_, turns, _)| *turns).max().unwrap_or(1) as f64;
    let most = of_json.iter().map(|(_, _, size)| size.alone).max().unwrap_or(1) as f64;
    let x = |at: f64| LEFT + at / turns * (WIDTH - LEFT - RIGHT);
    let y = |bytes: f64| HEIGHT - BOTTOM - bytes / most * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Bytes on disk of an agent that resends its history, by turns\">\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"24\">An agent that resends its whole history</text>\n\
         <text x=\"{LEFT}\" y=\"41\">megabytes on disk, by turns; 1 KB is new each turn</text>\n"
    );
    for megabytes in ticks(most / 1e6) {
        let at = y(megabytes * 1e6);
        let _ = writeln!(
            svg,
            "<line class=\"hair\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
            WIDTH - RIGHT
        );
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{megabytes}</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for (_, turns, _) in &of_json {
        let at = x(*turns as f64);
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{turns}</text>",
            HEIGHT - BOTTOM + 18.0
        );
    }
    let mut line = |class: &str, name: &str, bytes: fn(&Size) -> u64| {
        let places = of_json.iter().map(|(_, turns, size)| (*turns as f64, bytes(size) as f64));
        let points = std::iter::once((0.0, 0.0))
            .chain(places)
            .map(|(turns, bytes)| format!("{:.1},{:.1}", x(turns), y(bytes)));
        let points: Vec<_> = points.collect();
        let last = of_json.last().map_or(0.0, |(_, _, size)| bytes(size) as f64);
        let _ = writeln!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
        let _ = writeln!(
            svg,
            "<text class=\"{class}-name\" x=\"{:.1}\" y=\"{:.1}\">{name}: {:.1}</text>",
            x(turns) + 8.0,
            y(last) + 4.0,
            last / 1e6
        );
    };
    line("alone", "each span compressed alone", |size| size.alone);
    line("kept", "treering, everything", |size| size.kept);
    svg.push_str("</svg>\n");
    svg
}

/// Round numbers up to this one.
fn ticks(most: f64) -> impl Iterator<Item = f64> {
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0].into_iter().find(|step| most / step <= 5.0).unwrap_or(100.0);
    (0u32..).map(move |at| f64::from(at) * step).take_while(move |tick| *tick <= most)
}
