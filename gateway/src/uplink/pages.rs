//! A catalogue as it travels, kept packed: a large box has a hundred thousand points, whose
//! pages differ in little and are needed once for each connection, one after the other.

use std::sync::Arc;

use firegrid_wire::catalogue::{CatalogueHash, Written};
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec;

/// How hard the pages are packed: they are packed once, and a gateway must start soon.
const LEVEL: u8 = 1;

/// The pages of a catalogue.
#[derive(Debug, Clone)]
pub struct Pages {
    hash: CatalogueHash,
    packed: Arc<[Box<[u8]>]>,
}

impl Pages {
    /// The pages of a catalogue.
    pub fn of(catalogue: &Written) -> Pages {
        let hash = catalogue.hash();
        let pages = catalogue.pages(&hash);
        let packed = pages.map(|page| compress_to_vec(&page, LEVEL).into()).collect();
        Pages { hash, packed }
    }

    /// The hash that every batch names.
    pub fn hash(&self) -> &CatalogueHash {
        &self.hash
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.packed.len()
    }

    /// A page by its place, from 0; empty if there is none.
    pub(super) fn page(&self, place: usize) -> Vec<u8> {
        let packed = self.packed.get(place);
        // What was packed here can be unpacked.
        packed.and_then(|packed| decompress_to_vec(packed).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn what_is_sent_is_what_was_packed() {
        let shipped = include_str!("../../../deploy/settings/gateway.toml");
        let settings = Settings::parse("gateway.toml", shipped).expect("the shipped settings");
        let catalogue = settings.inventory.catalogue();
        let pages = Pages::of(catalogue);
        let sent: Vec<Vec<u8>> = (0..pages.count()).map(|place| pages.page(place)).collect();
        assert_eq!(sent, catalogue.read().pages());
        let packed: usize = pages.packed.iter().map(|page| page.len()).sum();
        assert!(packed * 4 < sent.iter().map(Vec::len).sum(), "{packed} bytes");
        assert_eq!(pages.page(pages.count()), [0_u8; 0]);
    }
}
