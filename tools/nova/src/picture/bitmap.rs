//! Pictures made of dots.

use plotters::prelude::BitMapBackend;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontTransform,
};

use super::letters;
use crate::error::{Code, Error, Result};

/// Draws a picture of this size, as PNG.
///
/// # Errors
///
/// When it cannot be drawn.
pub(super) fn png(size: (u32, u32), draw: impl FnOnce(Lettered<'_>) -> Result<()>) -> Result<Vec<u8>> {
    let mut dots = vec![0; size.0 as usize * size.1 as usize * 3];
    draw(Lettered(BitMapBackend::with_buffer(&mut dots, size)))?;
    let mut file = Vec::new();
    let fail =
        |error: png::EncodingError| Error::new(Code::Refused, format!("cannot write the picture: {error}"));
    let mut encoder = png::Encoder::new(&mut file, size.0, size.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&dots)).map_err(fail)?;
    Ok(file)
}

/// A picture of dots with letters of our own.
pub(super) struct Lettered<'a>(BitMapBackend<'a>);

type Fallible<'a> = Result<(), DrawingErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

impl<'a> DrawingBackend for Lettered<'a> {
    type ErrorType = <BitMapBackend<'a> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }
    fn ensure_prepared(&mut self) -> Fallible<'a> {
        self.0.ensure_prepared()
    }
    fn present(&mut self) -> Fallible<'a> {
        self.0.present()
    }
    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Fallible<'a> {
        self.0.draw_pixel(point, color)
    }
    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Fallible<'a> {
        self.0.draw_line(from, to, style)
    }
    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Fallible<'a> {
        self.0.draw_rect(upper_left, bottom_right, style, fill)
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Self::ErrorType>> {
        Ok(letters::size(text, style.size()))
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, at: BackendCoord) -> Fallible<'a> {
        let (width, height) = letters::size(text, style.size());
        let (width, height) = (width.cast_signed(), height.cast_signed());
        let anchor = style.anchor();
        let left = match anchor.h_pos {
            HPos::Left => 0,
            HPos::Center => -width / 2,
            HPos::Right => -width,
        };
        let top = match anchor.v_pos {
            VPos::Top => 0,
            VPos::Center => -height / 2,
            VPos::Bottom => -height,
        };
        let (bounds, color) = (self.get_size(), style.color());
        for (x, y) in letters::dots(text, style.size()) {
            let (x, y) = turned(&style.transform(), (x + left, y + top));
            let place = (at.0 + x, at.1 + y);
            // What hangs over the edge is not there.
            let inside = (0..bounds.0.cast_signed()).contains(&place.0)
                && (0..bounds.1.cast_signed()).contains(&place.1);
            if inside {
                self.draw_pixel(place, color)?;
            }
        }
        Ok(())
    }
}

/// Where a dot of turned text is.
fn turned(transform: &FontTransform, (x, y): (i32, i32)) -> (i32, i32) {
    match transform {
        FontTransform::None => (x, y),
        FontTransform::Rotate90 => (-y, x),
        FontTransform::Rotate180 => (-x, -y),
        FontTransform::Rotate270 => (y, -x),
    }
}
