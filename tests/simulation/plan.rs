//! What happens in one run: everything that the seed decides beforehand.

use fastrand::Rng;

use super::panel::{CHANGING, DEVICES, POINTS, Said};
use firegrid_wire::span::Lane;

/// Nothing goes wrong after this moment; what lasts is mended by then.
pub(crate) const FAULTS_END_MS: u64 = 240_000;

/// The run ends.
pub(crate) const END_MS: u64 = 420_000;

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What it is mostly about.
    pub(crate) theme: Theme,
    /// Bytes that the link of the box carries in a second.
    pub(crate) bytes_per_second: u64,
    /// Bytes of batches that a lane of the box may hold.
    pub(crate) quota: u64,
    /// When something happens.
    pub(crate) faults: Vec<(u64, Fault)>,
}

/// What a run is mostly about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Something of everything that is ordinary.
    Ordinary,
    /// The clock of the box and its disk.
    ClocksAndDisks,
    /// Restored images of the box, and a slow link.
    Restored,
    /// Two boxes with one identity.
    TwoBoxes,
    /// Little happens for long, and then the clock goes back.
    LongQuiet,
    /// A backlog stands before a fire.
    Backlog,
    /// The centre loses commits, its place, or itself.
    Centre,
    /// The broker and the links.
    Links,
    /// A spool that holds little.
    SmallQuotas,
    /// The centre is put back on a backup.
    CentreRestored,
    /// The broker refuses a batch for ever.
    Refusing,
}

/// Themes that came later stand in one group of so many, so that every older seed stays the
/// run that it was.
const GROUPS: u64 = 8;

/// Something happens. What lasts is mended after so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// A point says something else.
    Says(usize, Said),
    /// A device does not answer.
    Dead(usize, u64),
    /// The process of the box is killed.
    Kill(u64),
    /// The box has no power; its clock may have forgotten the time.
    Power(u64, bool),
    /// The power of the box goes in the middle of so many writing calls.
    PowerAfter(u64, u64),
    /// The process of the box stands still.
    Freeze(u64),
    /// The wall clock of the box jumps.
    Jump(i64),
    /// The disk of the box fails to flush.
    DiskFails(u64),
    /// The disk of the box has no room.
    DiskFull(u64),
    /// The disk of the box does not answer.
    DiskHangs(u64),
    /// An image of the box is taken.
    Image,
    /// The box is restored from the last image.
    Restore(u64),
    /// The box starts again with another catalogue.
    Catalogue(u64),
    /// A second box with the same identity starts: from the image or new, at the same site or
    /// at another one, where all is calm.
    Twin {
        /// With the disk of the last image.
        copied: bool,
        /// It watches another site.
        elsewhere: bool,
    },
    /// The link of the box is cut.
    Cut(u64),
    /// The link of the box swallows everything, and neither side notices.
    HalfOpen(u64),
    /// The broker is down, and has forgotten everything when it is back.
    Broker(u64),
    /// The broker drops messages, in percent.
    Loss(u64, u8),
    /// The broker delivers messages twice, in percent.
    Double(u64, u8),
    /// What goes to one of the centre's connections takes longer.
    Delay(u64, Lane, u64),
    /// What goes to the box takes longer.
    DelayDown(u64, u64),
    /// The centre is killed.
    CentreKill(u64),
    /// The tables of the centre are copied.
    CentreImage,
    /// The centre is put back on the copy.
    CentreRestore(u64),
    /// The broker refuses the next batch of a lane for ever.
    Refuses(Lane),
    /// The centre stands still.
    CentreFreeze(u64),
    /// The centre's connections are gone.
    Deaf(u64),
    /// The centre cannot commit.
    CommitFails(u64),
    /// The series store takes nothing.
    SeriesFails(u64),
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn of(seed: u64) -> Plan {
        let mut rng = Rng::with_seed(seed.wrapping_mul(7_919).wrapping_add(1));
        let themes = [
            Theme::Ordinary,
            Theme::ClocksAndDisks,
            Theme::Restored,
            Theme::TwoBoxes,
            Theme::LongQuiet,
            Theme::Backlog,
            Theme::Centre,
            Theme::Links,
            Theme::SmallQuotas,
        ];
        let group = seed / themes.len() as u64;
        let theme = match (group % GROUPS, seed % 2) {
            (7, 0) => Theme::CentreRestored,
            (7, _) => Theme::Refusing,
            _ => themes[(seed % themes.len() as u64) as usize],
        };
        let mut plan =
            Plan { theme, bytes_per_second: 20_000, quota: 64 << 20, faults: Vec::new() };
        plan.site(&mut rng);
        let count = rng.u32(2..8);
        for _ in 0..count {
            let at = rng.u64(5_000..FAULTS_END_MS - 40_000);
            let fault = plan.fault(&mut rng);
            plan.faults.push((at, fault));
        }
        plan.special(&mut rng);
        plan.faults.sort_by_key(|(at, _)| *at);
        plan
    }

    /// What happens at the site.
    fn site(&mut self, rng: &mut Rng) {
        let most = if self.theme == Theme::LongQuiet { 4 } else { 16 };
        for _ in 0..rng.u32(2..most) {
            let point = rng.usize(0..POINTS.len());
            let at = rng.u64(3_000..FAULTS_END_MS - 5_000);
            let lasts = [2_000, 10_000, 25_000, 60_000, 120_000][rng.usize(0..5)];
            let over = at + lasts * rng.u64(50..150) / 100;
            match POINTS[point].2 {
                Lane::Urgent => {
                    let words = ["fire", "fire", "fire", "disabled", "fire disabled", "fault"];
                    let first = words[rng.usize(0..words.len())];
                    self.says(at, point, Said::Words(first));
                    if first == "fire" && rng.u8(0..4) == 0 {
                        self.says(at + lasts / 3, point, Said::Words("disabled"));
                    }
                    if rng.u8(0..5) != 0 {
                        self.says(over, point, Said::Words("normal"));
                    }
                }
                Lane::Routine => {
                    let low = [40_000.0, 60_000.0, 90_000.0][rng.usize(0..3)];
                    self.says(at, point, Said::Number(low));
                    if rng.u8(0..5) != 0 {
                        let sound = [150_000.0, 300_000.0][rng.usize(0..2)];
                        self.says(over, point, Said::Number(sound));
                    }
                }
            }
        }
    }

    /// A detector tells a prealarm, a module something supervisory.
    fn rare_words(&mut self, rng: &mut Rng) {
        for words in ["prealarm", "supervisory"] {
            let point = [1, 4][rng.usize(0..2)];
            let at = rng.u64(3_000..FAULTS_END_MS - 30_000);
            self.says(at, point, Said::Words(words));
            self.says(at + rng.u64(2_000..30_000), point, Said::Words("normal"));
        }
    }

    fn says(&mut self, at: u64, point: usize, said: Said) {
        self.faults.push((at.min(FAULTS_END_MS), Fault::Says(point, said)));
    }

    fn fault(&self, rng: &mut Rng) -> Fault {
        let lasting = rng.u64(500..30_000);
        let short = rng.u64(100..8_000);
        let everything = [
            Fault::Dead(rng.usize(0..DEVICES), lasting),
            Fault::Kill(short),
            Fault::Power(short, false),
            Fault::PowerAfter(short, rng.u64(0..4)),
            Fault::Freeze(lasting),
            Fault::Cut(lasting),
            Fault::HalfOpen(lasting),
            Fault::Broker(short),
            Fault::Loss(lasting, rng.u8(10..90)),
            Fault::Double(lasting, rng.u8(10..90)),
            Fault::CentreKill(short),
        ];
        let clocks_and_disks = [
            Fault::Jump([-86_400_000, -20_000, -3_000, 4_000, 30_000, 86_400_000][rng.usize(0..6)]),
            Fault::Power(short, rng.bool()),
            Fault::PowerAfter(short, rng.u64(0..6)),
            Fault::Kill(short),
            Fault::Freeze(lasting),
            Fault::DiskFails(lasting),
            Fault::DiskFull(lasting),
            Fault::DiskHangs(lasting),
        ];
        let centre = [
            Fault::CentreKill(short),
            Fault::CentreFreeze(lasting),
            Fault::Deaf(lasting * 3),
            Fault::CommitFails(lasting),
            Fault::SeriesFails(lasting * 3),
            Fault::CentreKill(lasting),
        ];
        let links = [
            Fault::Cut(lasting),
            Fault::HalfOpen(lasting),
            Fault::Broker(lasting),
            Fault::Loss(lasting, rng.u8(10..90)),
            Fault::Double(lasting, rng.u8(10..90)),
            Fault::Delay(lasting, Lane::ALL[rng.usize(0..2)], rng.u64(1_000..20_000)),
            Fault::DelayDown(lasting, rng.u64(1_000..20_000)),
        ];
        let any = |of: &[Fault], rng: &mut Rng| of[rng.usize(0..of.len())];
        let often = rng.u8(0..3) != 0;
        match self.theme {
            Theme::ClocksAndDisks | Theme::LongQuiet if often => any(&clocks_and_disks, rng),
            Theme::Centre if often => any(&centre, rng),
            Theme::Links | Theme::Backlog | Theme::SmallQuotas if often => any(&links, rng),
            Theme::Ordinary
            | Theme::ClocksAndDisks
            | Theme::Restored
            | Theme::TwoBoxes
            | Theme::LongQuiet
            | Theme::Backlog
            | Theme::Centre
            | Theme::Links
            | Theme::SmallQuotas
            | Theme::CentreRestored
            | Theme::Refusing => any(&everything, rng),
        }
    }

    /// What makes the theme.
    fn special(&mut self, rng: &mut Rng) {
        match self.theme {
            Theme::Restored => {
                self.bytes_per_second = rng.u64(1_000..20_000);
                let image = rng.u64(5_000..100_000);
                let restore = rng.u64(image + 5_000..FAULTS_END_MS - 40_000);
                self.faults.push((image, Fault::Image));
                self.faults.push((restore, Fault::Restore(rng.u64(500..5_000))));
            }
            Theme::TwoBoxes => {
                let image = rng.u64(5_000..60_000);
                let twin = rng.u64(image + 5_000..FAULTS_END_MS - 60_000);
                self.faults.push((image, Fault::Image));
                let (copied, elsewhere) = (rng.bool(), rng.bool());
                self.faults.push((twin, Fault::Twin { copied, elsewhere }));
            }
            Theme::LongQuiet => {
                let back = rng.i64(-200_000..-6_000);
                self.faults.push((rng.u64(100_000..200_000), Fault::Jump(back)));
                if rng.bool() {
                    let at = rng.u64(20_000..180_000);
                    self.faults.push((at, Fault::Catalogue(rng.u64(500..5_000))));
                    if rng.bool() {
                        // What the point then says must not clear what it said as another one.
                        self.says(at - rng.u64(2_000..15_000), CHANGING, Said::Words("fire"));
                        self.says(at + rng.u64(0..20_000), CHANGING, Said::Words("normal"));
                    }
                }
            }
            Theme::Backlog => {
                self.bytes_per_second = rng.u64(300..2_000);
                let at = rng.u64(5_000..60_000);
                self.faults.push((at, Fault::Cut(rng.u64(30_000..120_000))));
                for _ in 0..rng.u32(20..80) {
                    let point = [0, 3, 4][rng.usize(0..3)];
                    let words = ["normal", "fire", "fault"][rng.usize(0..3)];
                    let when = at + rng.u64(0..60_000);
                    self.says(when, point, Said::Words(words));
                }
            }
            Theme::SmallQuotas => {
                self.quota = rng.u64(8_000..24_000);
                let at = rng.u64(5_000..60_000);
                self.faults.push((at, Fault::Cut(rng.u64(30_000..120_000))));
                for _ in 0..rng.u32(20..120) {
                    let point = [0, 3, 4][rng.usize(0..3)];
                    let words = ["normal", "fire", "fault"][rng.usize(0..3)];
                    let when = at + rng.u64(0..90_000);
                    self.says(when, point, Said::Words(words));
                }
            }
            Theme::CentreRestored => {
                // So little that it forgets what is receipted, and cannot send it once more.
                self.quota = rng.u64(8_000..24_000);
                let image = rng.u64(5_000..100_000);
                let restore = rng.u64(image + 5_000..FAULTS_END_MS - 40_000);
                self.faults.push((image, Fault::CentreImage));
                self.faults.push((restore, Fault::CentreRestore(rng.u64(500..5_000))));
                self.rare_words(rng);
            }
            Theme::Refusing => {
                for lane in Lane::ALL {
                    let at = rng.u64(5_000..FAULTS_END_MS - 60_000);
                    self.faults.push((at, Fault::Refuses(lane)));
                }
                self.rare_words(rng);
            }
            Theme::Ordinary | Theme::ClocksAndDisks | Theme::Centre | Theme::Links => {}
        }
    }
}
