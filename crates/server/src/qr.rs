//! QR codes, drawn here: an `otpauth:` address holds a seed, so it goes to no foreign drawing service.

use std::fmt::Write;

use countersign_core::secret::Secret;
use data_encoding::BASE64;
use fast_qr::{ECL, QRBuilder};
use zeroize::{Zeroize, Zeroizing};

use crate::fault::Fault;

/// Modules of white around the symbol, without which scanners do not find it (ISO/IEC 18004 §5.3.8).
const QUIET_ZONE: usize = 4;

/// An image is about this many pixels wide: the largest whole number of pixels a module that stays below.
const PIXELS: usize = 300;

/// A black-and-white image of one bit a pixel. It says what the text says: as secret as that.
pub fn png(text: &str) -> Result<Vec<u8>, Fault> {
    let symbol = Symbol::of(text)?;
    let scale = (PIXELS / symbol.width()).max(2);
    let side = symbol.width() * scale;
    let line_length = side.div_ceil(8);
    let mut pixels = Zeroizing::new(Vec::with_capacity(line_length * side));
    for y in 0..side {
        let line = pixels.len();
        pixels.resize(line + line_length, 0);
        for x in (0..side).filter(|x| !symbol.is_dark(x / scale, y / scale)) {
            pixels[line + x / 8] |= 0x80 >> (x % 8);
        }
    }
    // Compressed it is smaller than the pixels; room for both keeps the vector from leaving copies behind.
    let mut file = Vec::with_capacity(pixels.len() + 1_024);
    let side = u32::try_from(side).map_err(undrawable)?;
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().map_err(undrawable)?;
    writer.write_image_data(&pixels).map_err(undrawable)?;
    writer.finish().map_err(undrawable)?;
    Ok(file)
}

/// The image as the `src` of an `<img>`.
pub fn png_data_uri(text: &str) -> Result<Secret<String>, Fault> {
    const HEAD: &str = "data:image/png;base64,";
    let file = Zeroizing::new(png(text)?);
    let mut uri = String::with_capacity(HEAD.len() + BASE64.encode_len(file.len()));
    uri.push_str(HEAD);
    BASE64.encode_append(&file, &mut uri);
    Ok(Secret::new(uri))
}

/// To stand within a page: no script, no id, no style. Both colours are spelled out, because a page in the
/// dark would otherwise turn it into a negative, which many scanners refuse.
pub fn svg(text: &str) -> Result<String, Fault> {
    let symbol = Symbol::of(text)?;
    let width = symbol.width();
    // At most every other module begins a run, and a run takes at most 20 bytes.
    let mut svg = String::with_capacity(512 + width * width * 10);
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {width}\" role=\"img\" \
         aria-label=\"QR code\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{width}v{width}H0z\"/><path fill=\"#000\" d=\""
    );
    for y in 0..width {
        let mut x = 0;
        while x < width {
            let run = (x..width).take_while(|x| symbol.is_dark(*x, y)).count();
            if run > 0 {
                let _ = write!(svg, "M{x} {y}h{run}v1h-{run}z");
            }
            x += run.max(1);
        }
    }
    svg.push_str("\"/></svg>");
    Ok(svg)
}

/// The modules of a code. Wiped when dropped; what the encoders put on their own heap is out of our reach.
struct Symbol {
    size: usize,
    dark: Zeroizing<Vec<bool>>,
}

impl Symbol {
    fn of(text: &str) -> Result<Self, Fault> {
        // Level M is what people expect to scan. L holds a quarter more: a long name of an app, percent-encoded
        // twice, must not keep anybody from enrolling.
        let mut levels = [ECL::M, ECL::L].into_iter();
        let drawn = levels.find_map(|level| QRBuilder::new(text).ecl(level).build().ok());
        let mut drawn = drawn.ok_or_else(|| {
            Fault::internal(format!("a text of {} bytes does not fit into a QR code", text.len()))
        })?;
        let size = drawn.size;
        let dark =
            Zeroizing::new((0..size).flat_map(|y| drawn[y].iter().take(size)).map(|m| m.value()).collect());
        drawn.data.iter_mut().for_each(|module| module.0.zeroize());
        Ok(Self { size, dark })
    }

    /// With the quiet zone on both sides.
    fn width(&self) -> usize {
        self.size + 2 * QUIET_ZONE
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = QUIET_ZONE..QUIET_ZONE + self.size;
        inside.contains(&x) && inside.contains(&y) && self.dark[(y - QUIET_ZONE) * self.size + x - QUIET_ZONE]
    }
}

fn undrawable(cause: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::internal("a QR code could not be drawn").because(cause)
}

#[cfg(test)]
mod tests {
    use countersign_core::totp;

    use super::*;

    fn enrolment(issuer: &str, account: &str) -> Secret<String> {
        totp::uri(issuer, account, &[0xa7; 20], totp::Parameters::default())
    }

    /// What a scanner reads in an image, whose pixels it looks for as a camera would.
    fn scanned(side: usize, is_dark: impl Fn(usize, usize) -> bool) -> String {
        let grey = |x, y| if is_dark(x, y) { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, grey);
        let found = image.detect_grids();
        assert_eq!(found.len(), 1);
        found[0].decode().unwrap().1
    }

    fn scanned_png(file: &[u8]) -> String {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let (width, height) = reader.info().size();
        assert_eq!((reader.info().bit_depth, width), (png::BitDepth::One, height));
        // The decoder spreads bits out only if it is asked to.
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let line = reader.next_frame(&mut pixels).unwrap().line_size;
        scanned(width as usize, |x, y| pixels[y * line + x / 8] & (0x80 >> (x % 8)) == 0)
    }

    /// Draws the black path by its own words, four pixels a module, over white.
    fn scanned_svg(svg: &str) -> String {
        let number = |text: &str| text.parse::<usize>().unwrap();
        let (_, rest) = svg.split_once("viewBox=\"0 0 ").unwrap();
        let width = number(rest.split(' ').next().unwrap());
        assert!(svg.contains(&format!("<path fill=\"#fff\" d=\"M0 0h{width}v{width}H0z\"/>")));
        let (_, path) = svg.split_once("<path fill=\"#000\" d=\"").unwrap();
        let mut dark = vec![false; width * width];
        for run in path.strip_suffix("z\"/></svg>").unwrap().split('z') {
            let (x, rest) = run.strip_prefix('M').unwrap().split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let (length, back) = rest.split_once("v1h-").unwrap();
            assert_eq!(length, back);
            dark[number(y) * width + number(x)..][..number(length)].fill(true);
        }
        scanned(width * 4, |x, y| dark[(y / 4) * width + x / 4])
    }

    #[test]
    fn what_is_drawn_is_what_is_scanned() {
        let texts = [
            enrolment("Acme", "ada@example.com"),
            enrolment("Käse & Söhne 🧀 100%", "a+b.c'd@example.museum"),
            enrolment(&"x".repeat(64), &format!("{}@example.com", "+".repeat(242))),
            Secret::from("https://example.com/ä?b=c#d"),
            Secret::from("0"),
        ];
        for text in texts.iter().map(Secret::expose) {
            assert_eq!(scanned_png(&png(text).unwrap()), *text);
            assert_eq!(scanned_svg(&svg(text).unwrap()), *text);
            let uri = png_data_uri(text).unwrap();
            let file = uri.expose().strip_prefix("data:image/png;base64,").unwrap();
            assert_eq!(BASE64.decode(file.as_bytes()).unwrap(), png(text).unwrap());
        }
    }

    #[test]
    fn images_are_small_and_large_enough_to_scan() {
        let uri = enrolment("Countersign", "ada.lovelace@example.com");
        let file = png(uri.expose()).unwrap();
        let side = u32::from_be_bytes(file[16..20].try_into().unwrap());
        assert!((200..=300).contains(&side) && file.len() < 2_000, "{side} pixels, {} bytes", file.len());
        assert!(svg(uri.expose()).unwrap().len() < 12_000);
    }

    #[test]
    fn an_svg_holds_nothing_that_acts() {
        let svg = svg(enrolment("<script>", "\" onload=").expose()).unwrap();
        for word in ["script", "onload", "id=", "style", "href"] {
            assert!(!svg.contains(word), "{word}");
        }
        for word in ["role=\"img\"", "aria-label=\"QR code\"", "shape-rendering=\"crispEdges\""] {
            assert!(svg.contains(word), "{word}");
        }
    }

    #[test]
    fn the_longest_name_and_address_still_fit() {
        let account = format!("{}@example.com", "+".repeat(242));
        let uri = enrolment(&"😀".repeat(64), &account);
        assert_eq!(scanned_svg(&svg(uri.expose()).unwrap()), *uri.expose());
        assert_eq!(scanned_png(&png(uri.expose()).unwrap()), *uri.expose());
    }

    #[test]
    fn no_text_is_too_long_for_a_clean_answer() {
        for length in [0, 1, 2_331, 2_332, 2_953, 2_954, 70_000] {
            let text = "a".repeat(length);
            assert_eq!(png(&text).is_ok(), length <= 2_953, "{length}");
            assert_eq!(svg(&text).is_ok(), length <= 2_953, "{length}");
            assert_eq!(png_data_uri(&text).is_ok(), length <= 2_953, "{length}");
        }
    }
}
