//! A serial port of the box.

use std::io;

use tokio_serial::{ClearBuffer, SerialPort as _, SerialStream};

use super::Stream;
use crate::settings::{Parity, Serial};

/// Opens the port for this program alone. What it has received before is forgotten.
pub(super) fn open(port: &Serial) -> io::Result<Box<dyn Stream>> {
    let parity = match port.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Odd => tokio_serial::Parity::Odd,
        Parity::Even => tokio_serial::Parity::Even,
    };
    let stop_bits = match port.stop_bits {
        2 => tokio_serial::StopBits::Two,
        _ => tokio_serial::StopBits::One,
    };
    let builder = tokio_serial::new(port.path.to_string_lossy(), port.baud)
        .data_bits(tokio_serial::DataBits::Eight)
        .parity(parity)
        .stop_bits(stop_bits)
        .flow_control(tokio_serial::FlowControl::None);
    let stream = SerialStream::open(&builder)?;
    stream.clear(ClearBuffer::All)?;
    Ok(Box::new(stream))
}
