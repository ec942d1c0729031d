//! Where a line leads: by which wire, and how that is set.
//!
//! A line names exactly one of `address` (Modbus TCP), `rtu_over_tcp`, `serial` and `listen`.
//! What two lines cannot share is told: one address, one serial port, one port to listen on.
//! Also here: how long bytes take on a serial wire, which is arithmetic on its settings.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use firegrid_wire::document::Table;
use firegrid_wire::time::Millis;

use super::address::Address;
use super::line::{lasting, once};

/// The wire of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// Modbus TCP.
    Tcp(Dialled),
    /// Frames of RTU through a converter that takes connections.
    RtuOverTcp(Dialled),
    /// A serial port of the box, RTU.
    Serial(Serial),
    /// A converter that connects to the box.
    Listen(Listen),
}

/// What the box connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialled {
    /// Where to, as long as somebody answers there.
    pub address: Address,
    /// Where to otherwise.
    pub backup: Option<Address>,
}

/// A serial port and how it is set. A character has eight data bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serial {
    /// The port's device file.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// The bit behind the data bits.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
    /// The silence between two frames, if the site does not trust the standard's.
    pub silence: Option<Millis>,
}

/// The bit behind the data bits of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// There is none.
    None,
    /// It makes the ones odd.
    Odd,
    /// It makes the ones even.
    Even,
}

/// Where converters dial in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The box's own address and port.
    pub address: SocketAddr,
    /// What the converter speaks.
    pub framing: Framing,
    /// The only caller that is taken; anybody if it is left out.
    pub from: Option<IpAddr>,
    /// What the converter says now and then, whatever it is asked.
    pub heartbeat: Option<Heartbeat>,
}

/// The bytes by which a converter shows that it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat(Vec<u8>);

impl Heartbeat {
    /// From 2 to 64.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How a frame is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By a header, with a number of its own for every question.
    Tcp,
    /// By a checksum behind it, and silence before it.
    Rtu,
}

/// What no second line may name.
#[derive(Default)]
pub(super) struct Taken {
    addresses: BTreeMap<Address, String>,
    serial_ports: BTreeMap<String, String>,
    listened_on: BTreeMap<Port, String>,
}

/// A port of the box, as it is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Port(u16);

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {}", self.0)
    }
}

const EITHER: &str = "`address`, `rtu_over_tcp`, `serial` or `listen`";

/// Reads where a line leads; tells when it leads nowhere, or to two places.
pub(super) fn read_leads(line: &Table<'_>, taken: &mut Taken) -> Option<Leads> {
    let named: Vec<&str> = ["address", "rtu_over_tcp", "serial", "listen"]
        .into_iter()
        .filter(|key| line.has(key))
        .collect();
    let dialled = named.iter().any(|key| matches!(*key, "address" | "rtu_over_tcp"));
    if line.has("backup") && !dialled {
        line.tell("backup", "only `address` and `rtu_over_tcp` have a second way");
    }
    let backup: Option<Option<Address>> = match line.has("backup") {
        true => read_address(line, "backup", taken).map(Some),
        false => {
            line.raw("backup");
            Some(None)
        }
    };
    let address = read_address(line, "address", taken);
    let rtu_over_tcp = read_address(line, "rtu_over_tcp", taken);
    let serial = line.table("serial").map(|table| read_serial(&table, taken));
    let listen = line.table("listen").map(|table| read_listen(&table, taken));
    match named.as_slice() {
        [] => {
            line.tell("address", format_args!("say where the line leads: {EITHER}"));
            None
        }
        ["address"] => Some(Leads::Tcp(Dialled { address: address?, backup: backup? })),
        ["rtu_over_tcp"] => {
            Some(Leads::RtuOverTcp(Dialled { address: rtu_over_tcp?, backup: backup? }))
        }
        ["serial"] => Some(Leads::Serial(serial??)),
        ["listen"] => Some(Leads::Listen(listen??)),
        [_, second, ..] => {
            line.tell(second, format_args!("a line leads to one place: only one of {EITHER}"));
            None
        }
        [_] => None,
    }
}

fn read_address(line: &Table<'_>, key: &str, taken: &mut Taken) -> Option<Address> {
    let address: Address = line.optional_text(key)?;
    once(&mut taken.addresses, line, key, address.clone());
    Some(address)
}

/// What a serial port may be set to.
const BAUDS: std::ops::RangeInclusive<u32> = 300..=4_000_000;

fn read_serial(table: &Table<'_>, taken: &mut Taken) -> Option<Serial> {
    let path: Option<String> = table.required("path");
    let absolute = path.filter(|path| {
        let fits = path.starts_with('/');
        if !fits {
            table.tell("path", "name the port's device file: \"/dev/serial/by-id/…\"");
        }
        fits
    });
    if let Some(path) = &absolute {
        once(&mut taken.serial_ports, table, "path", path.clone());
    }
    let baud: Option<i64> = table.text_or("baud", 9_600);
    let baud = baud.and_then(|baud| {
        let fits = u32::try_from(baud).ok().filter(|baud| BAUDS.contains(baud));
        if fits.is_none() {
            let (least, most) = (BAUDS.start(), BAUDS.end());
            table.tell("baud", format_args!("{baud} does not fit: from {least} to {most}"));
        }
        fits
    });
    let parity = table.text_or("parity", Parity::None);
    let stop_bits: Option<u8> = table.text_or("stop_bits", 1);
    let stop_bits = stop_bits.filter(|count| {
        let fits = matches!(count, 1 | 2);
        if !fits {
            table.tell("stop_bits", format_args!("{count} does not fit: 1 or 2"));
        }
        fits
    });
    let silence = match table.has("silence") {
        true => lasting(table, "silence", Millis::ZERO, (1, 500)).map(Some),
        false => {
            table.raw("silence");
            Some(None)
        }
    };
    Some(Serial {
        path: PathBuf::from(absolute?),
        baud: baud?,
        parity: parity?,
        stop_bits: stop_bits?,
        silence: silence?,
    })
}

fn read_listen(table: &Table<'_>, taken: &mut Taken) -> Option<Listen> {
    let address: Option<String> = table.required("address");
    let address = address.and_then(|text| {
        let address = text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
        if address.is_none() {
            table.tell(
                "address",
                format_args!(
                    "{text:?} does not fit: an address of the box and a port, \"0.0.0.0:4196\""
                ),
            );
        }
        address
    });
    if let Some(address) = address {
        once(&mut taken.listened_on, table, "address", Port(address.port()));
    }
    let framing = table.text_or("framing", Framing::Rtu);
    let from: Option<Option<IpAddr>> = match table.has("from") {
        true => table.required::<String>("from").and_then(|text| {
            let from = text.parse().ok();
            if from.is_none() {
                table.tell(
                    "from",
                    format_args!("{text:?} does not fit: the IP address of the converter"),
                );
            }
            from.map(Some)
        }),
        false => {
            table.raw("from");
            Some(None)
        }
    };
    let heartbeat = match table.has("heartbeat") {
        true => table.required_text("heartbeat").map(Some),
        false => {
            table.raw("heartbeat");
            Some(None)
        }
    };
    Some(Listen { address: address?, framing: framing?, from: from?, heartbeat: heartbeat? })
}

impl Leads {
    /// The serial port, if it is one of the box.
    pub fn serial(&self) -> Option<&Serial> {
        match self {
            Leads::Serial(serial) => Some(serial),
            Leads::Tcp(_) | Leads::RtuOverTcp(_) | Leads::Listen(_) => None,
        }
    }

    /// What is spoken on it.
    pub fn spoken(&self) -> &'static str {
        match self {
            Leads::Tcp(_) => "Modbus TCP",
            Leads::RtuOverTcp(_) => "RTU over TCP",
            Leads::Serial(_) => "RTU",
            Leads::Listen(Listen { framing: Framing::Rtu, .. }) => "RTU over TCP, dialled in,",
            Leads::Listen(Listen { framing: Framing::Tcp, .. }) => "Modbus TCP, dialled in,",
        }
    }
}

/// The place, as it is named in the catalogue; two lines of a box never have the same.
impl fmt::Display for Leads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leads::Tcp(dialled) | Leads::RtuOverTcp(dialled) => dialled.address.fmt(f),
            Leads::Serial(serial) => serial.path.display().fmt(f),
            Leads::Listen(listen) => listen.address.fmt(f),
        }
    }
}

/// Up to this speed the silence between frames grows with the characters; above it is fixed, so
/// that a computer can keep it (Modbus over serial line 1.02, 2.5.1.1).
const FAST: u32 = 19_200;

/// The silence above [`FAST`].
const FAST_SILENCE: Duration = Duration::from_micros(1_750);

impl Serial {
    /// The bits of one character: start, data, parity and stop.
    pub fn bits(&self) -> u32 {
        let parity = match self.parity {
            Parity::None => 0,
            Parity::Odd | Parity::Even => 1,
        };
        1 + 8 + parity + u32::from(self.stop_bits)
    }

    /// How long the wire needs for so many bytes.
    pub fn carries(&self, bytes: u32) -> Duration {
        Duration::from_secs(1) * bytes * self.bits() / self.baud
    }

    /// How long the wire is silent between two frames: 3.5 characters, if the site says nothing.
    pub fn silence_between_frames(&self) -> Duration {
        match self.silence {
            Some(silence) => silence.duration(),
            None if FAST < self.baud => FAST_SILENCE,
            None => self.carries(7) / 2,
        }
    }

    /// Whether the device file may be another port after a restart.
    pub fn unstable_path(&self) -> bool {
        let path = self.path.to_string_lossy();
        ["/dev/ttyUSB", "/dev/ttyACM"].iter().any(|prefix| path.starts_with(prefix))
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Parity::None => "none",
            Parity::Odd => "odd",
            Parity::Even => "even",
        })
    }
}

impl FromStr for Parity {
    type Err = String;

    fn from_str(text: &str) -> Result<Parity, String> {
        match text {
            "none" => Ok(Parity::None),
            "odd" => Ok(Parity::Odd),
            "even" => Ok(Parity::Even),
            other => Err(format!("{other:?} is no parity: use none, even or odd")),
        }
    }
}

impl FromStr for Framing {
    type Err = String;

    fn from_str(text: &str) -> Result<Framing, String> {
        match text {
            "rtu" => Ok(Framing::Rtu),
            "tcp" => Ok(Framing::Tcp),
            other => Err(format!("{other:?} is no framing: use rtu or tcp")),
        }
    }
}

impl FromStr for Heartbeat {
    type Err = String;

    /// Takes a text as it is, or bytes like `0xFE01`.
    fn from_str(text: &str) -> Result<Heartbeat, String> {
        let bytes = match text.strip_prefix("0x") {
            None => Some(text.as_bytes().to_vec()),
            Some(digits) if !digits.is_ascii() || !digits.len().is_multiple_of(2) => None,
            Some(digits) => (0..digits.len())
                .step_by(2)
                .map(|place| u8::from_str_radix(&digits[place..place + 2], 16).ok())
                .collect(),
        };
        match bytes {
            Some(bytes) if (2..=64).contains(&bytes.len()) => Ok(Heartbeat(bytes)),
            Some(_) | None => Err(format!(
                "{text:?} does not fit: a text of 2 to 64 bytes, or bytes like \"0xFE01\""
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use firegrid_wire::document::Mistakes;

    /// A box whose lines have these keys, each line one pump.
    fn read(lines: &[&str]) -> Result<Vec<Leads>, Mistakes> {
        let lines = lines.iter().enumerate().map(|(place, keys)| {
            format!(
                "[[line]]\nname = \"l{place}\"\n{keys}\n[[line.device]]\nname = \"d{place}\"\n\
                 unit_id = 1\nprofile = \"fire-pump-controller\"\n"
            )
        });
        let text = format!(
            "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = {{ address = \"a:1\" }}\n{}",
            lines.collect::<String>()
        );
        let settings = Settings::parse("gateway.toml", &text)?;
        Ok(settings.lines.into_iter().map(|line| line.leads).collect())
    }

    #[track_caller]
    fn good(keys: &str) -> Leads {
        read(&[keys]).unwrap_or_else(|told| panic!("{told}")).remove(0)
    }

    /// Every hint is told, and nothing else.
    #[track_caller]
    fn check_told(lines: &[&str], hints: &[&str]) {
        let told = read(lines).expect_err("mistakes");
        assert_eq!(told.0.len(), hints.len(), "{told}");
        for hint in hints {
            assert!(told.to_string().contains(hint), "{hint:?} is not told: {told}");
        }
    }

    #[test]
    fn a_line_leads_by_one_of_four_wires() {
        let tcp = Dialled { address: "a:502".parse().expect("an address"), backup: None };
        let backed = Dialled { backup: Some("b:502".parse().expect("an address")), ..tcp.clone() };
        assert_eq!(good("address = \"a:502\""), Leads::Tcp(tcp));
        assert_eq!(good("rtu_over_tcp = \"a:502\"\nbackup = \"b:502\""), Leads::RtuOverTcp(backed));
        let serial = Serial {
            path: "/dev/serial/by-id/x".into(),
            baud: 19_200,
            parity: Parity::Even,
            stop_bits: 2,
            silence: Some(Millis::new(5)),
        };
        assert_eq!(
            good(
                "serial = { path = \"/dev/serial/by-id/x\", baud = 19200, parity = \"even\", \
                 stop_bits = 2, silence = \"5ms\" }"
            ),
            Leads::Serial(serial)
        );
        let listen = Listen {
            address: ([0, 0, 0, 0], 4_196).into(),
            framing: Framing::Tcp,
            from: Some([10, 0, 0, 9].into()),
            heartbeat: Some(Heartbeat(vec![0xFE, 0x01])),
        };
        assert_eq!(
            good(
                "listen = { address = \"0.0.0.0:4196\", framing = \"tcp\", from = \"10.0.0.9\", \
                 heartbeat = \"0xFE01\" }"
            ),
            Leads::Listen(listen)
        );
    }

    #[test]
    fn a_line_that_leads_nowhere_or_to_two_places_is_told() {
        check_told(&[""], &["line[0].address: say where"]);
        check_told(
            &["address = \"a:1\"\nserial = { path = \"/dev/ttyS0\" }"],
            &["line[0].serial: a line leads to one place"],
        );
        check_told(
            &["serial = { path = \"/dev/ttyS0\" }\nbackup = \"a:1\""],
            &["line[0].backup: only"],
        );
    }

    #[test]
    fn what_two_lines_cannot_share_is_told() {
        check_told(
            &[
                "serial = { path = \"/dev/ttyS0\" }",
                "serial = { path = \"/dev/ttyS0\", baud = 19200 }",
                "listen = { address = \"0.0.0.0:4196\" }",
                "listen = { address = \"127.0.0.1:4196\", from = \"10.0.0.9\" }",
                "address = \"a:1\"\nbackup = \"b:1\"",
                "rtu_over_tcp = \"b:1\"\nbackup = \"b:1\"",
            ],
            &[
                "line[1].serial.path: /dev/ttyS0 stands already at line[0].serial.path",
                "line[3].listen.address: port 4196 stands already at line[2].listen.address",
                "line[5].rtu_over_tcp: b:1 stands already at line[4].backup",
                "line[5].backup: b:1 stands already",
            ],
        );
    }

    #[test]
    fn every_mistake_of_a_wire_is_told_at_once() {
        check_told(
            &[
                "serial = { path = \"ttyS0\", baud = 1, parity = \"mark\", stop_bits = 3, \
                 silence = \"9s\", flow = true }",
                "listen = { address = \"4196\", framing = \"ascii\", from = \"a\", \
                 heartbeat = \"0xF\" }",
                "listen = {}",
                "serial = {}",
                "rtu_over_tcp = \"a\"\nbackup = \"b\"",
            ],
            &[
                "line[0].serial.path: name the port",
                "line[0].serial.baud: 1 does not fit",
                "line[0].serial.parity: \"mark\" is no parity",
                "line[0].serial.stop_bits: 3",
                "line[0].serial.silence: 9s",
                "line[0].serial.flow: there is no such key",
                "line[1].listen.address: \"4196\"",
                "line[1].listen.framing: \"ascii\"",
                "line[1].listen.from: \"a\"",
                "line[1].listen.heartbeat: \"0xF\" does not fit",
                "line[2].listen.address: this key is missing",
                "line[3].serial.path: this key is missing",
                "line[4].rtu_over_tcp: \"a\" is not an address",
                "line[4].backup: \"b\" is not an address",
            ],
        );
    }

    #[test]
    fn silence_is_three_and_a_half_characters_but_a_computer_can_keep_it() {
        let silence =
            |keys: &str| match good(&format!("serial = {{ path = \"/dev/ttyS0\", {keys} }}")) {
                Leads::Serial(serial) => serial.silence_between_frames().as_micros(),
                Leads::Tcp(_) | Leads::RtuOverTcp(_) | Leads::Listen(_) => panic!("a serial line"),
            };
        assert_eq!(silence("baud = 9600, parity = \"even\""), 4_010, "11 bits a character");
        assert_eq!(silence("baud = 9600"), 3_645, "10 bits a character");
        assert_eq!(silence("baud = 19200, stop_bits = 2"), 2_005);
        assert_eq!(silence("baud = 38400"), 1_750);
        assert_eq!(silence("baud = 115200, silence = \"20ms\""), 20_000);
    }

    #[test]
    fn a_name_that_the_next_start_may_give_to_another_port_is_known() {
        for (path, unstable) in [
            ("/dev/ttyUSB0", true),
            ("/dev/ttyACM1", true),
            ("/dev/ttyS0", false),
            ("/dev/ttymxc2", false),
            ("/dev/serial/by-id/usb-FTDI_FT232R-if00-port0", false),
        ] {
            let leads = good(&format!("serial = {{ path = \"{path}\" }}"));
            assert_eq!(leads.serial().map(Serial::unstable_path), Some(unstable), "{path}");
        }
    }
}
