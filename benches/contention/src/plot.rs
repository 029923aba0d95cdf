//! The table as a plot: requests and time over the number of writers.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::run::Figures;
use crate::writer::Writer;

const COLOURS: [RGBColor; 7] = [
    RGBColor(0xc0, 0x10, 0x30),
    RGBColor(0xe8, 0x8a, 0x20),
    RGBColor(0x80, 0x80, 0x80),
    RGBColor(0x30, 0x30, 0x30),
    RGBColor(0x20, 0x60, 0xc0),
    RGBColor(0x20, 0x90, 0x60),
    RGBColor(0x80, 0x40, 0xa0),
];

/// One writer's figures at each number of writers.
pub type Line = (Writer, Vec<(u32, Figures)>);

pub fn plot(path: &Path, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(path, (1080, 440)).into_drawing_area();
    area.fill(&WHITE)?;
    let (left, right) = area.split_horizontally(540);
    let requests = |figures: &Figures| figures.requests;
    panel(&left, "requests per commit", 2.0..512.0, lines, requests)?;
    let time = |figures: &Figures| figures.time;
    panel(
        &right,
        "time, one after the other = 1",
        0.25..16.0,
        lines,
        time,
    )?;
    area.present()?;
    Ok(())
}

fn panel<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    caption: &str,
    heights: std::ops::Range<f64>,
    lines: &[Line],
    height: impl Fn(&Figures) -> f64,
) -> Result<(), Box<dyn Error>>
where
    B::ErrorType: 'static,
{
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(48)
        .build_cartesian_2d(
            (2.0..1024.0).log_scale().base(2.0),
            heights.log_scale().base(2.0),
        )?;
    chart
        .configure_mesh()
        .x_desc("writers at the same time")
        .x_label_formatter(&|writers| format!("{writers:.0}"))
        .light_line_style(WHITE)
        .draw()?;
    for ((writer, figures), colour) in lines.iter().zip(COLOURS) {
        // Who gives most edits up is quick with the rest.
        let kept = figures.iter().filter(|(_, figures)| figures.given_up < 0.5);
        let points = kept.map(|(writers, figures)| (f64::from(*writers), height(figures)));
        let width = if *writer == Writer::Ifmatch { 4 } else { 2 };
        let style = colour.stroke_width(width);
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(writer.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}
