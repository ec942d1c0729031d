//! Words of closed lists in the registry: in a sheet they may stand in either language.

use firegrid_rules::routing::{Level, Role};

/// A word of a closed list.
pub trait Word: Copy + 'static {
    /// All of them, in order.
    const WORDS: &'static [Self];

    /// The word of files, databases and interfaces.
    fn word(self) -> &'static str;

    /// The word on Chinese pages and sheets.
    fn zh(self) -> &'static str;

    /// Reads a word of either language.
    fn read(text: &str) -> Option<Self> {
        Self::WORDS.iter().copied().find(|case| case.word() == text || case.zh() == text)
    }

    /// What may be written, in Chinese and in English.
    fn known() -> (String, String) {
        let list = |each: fn(Self) -> &'static str, between| {
            Self::WORDS.iter().map(|case| each(*case)).collect::<Vec<_>>().join(between)
        };
        (list(Self::zh, "、"), list(Self::word, ", "))
    }
}

macro_rules! list {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal, $zh:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$case_doc])* $case,)* }

        impl Word for $name {
            const WORDS: &'static [$name] = &[$($name::$case,)*];

            fn word(self) -> &'static str {
                match self { $($name::$case => $word,)* }
            }

            fn zh(self) -> &'static str {
                match self { $($name::$case => $zh,)* }
            }
        }
    };
}

list! {
    /// The class of a unit's main building, on which limits of water pressure depend
    /// (GB 50974-2014, 5.2.2).
    Class {
        /// Public, over 100 m.
        SuperHighRisePublic = "super-high-rise-public", "超高层公共建筑";
        /// Public, high-rise, class 1.
        HighRisePublic1 = "high-rise-public-1", "一类高层公共建筑";
        /// Public, high-rise, class 2.
        HighRisePublic2 = "high-rise-public-2", "二类高层公共建筑";
        /// Public, of one or several storeys.
        MultiStoreyPublic = "multi-storey-public", "单、多层公共建筑";
        /// Residential, high-rise.
        HighRiseResidential = "high-rise-residential", "高层住宅";
        /// Residential, of one or several storeys.
        MultiStoreyResidential = "multi-storey-residential", "单、多层住宅";
        /// Plants and warehouses.
        Industrial = "industrial", "工业建筑";
        /// Protected old buildings.
        Heritage = "heritage", "文物古建筑";
        /// None of these.
        Other = "other", "其他";
    }
}

list! {
    /// What a building is used for.
    Purpose {
        /// Shops and markets.
        Commerce = "commerce", "商业";
        /// Hotels and guest houses.
        Hotel = "hotel", "宾馆饭店";
        /// Hospitals.
        Hospital = "hospital", "医疗";
        /// Schools and kindergartens.
        School = "school", "教育";
        /// Homes for the old, for children and for the sick.
        Care = "care", "养老福利";
        /// Offices.
        Office = "office", "办公";
        /// Cinemas, karaoke, bars, baths.
        Entertainment = "entertainment", "公共娱乐";
        /// Halls, museums, temples, stations.
        Assembly = "assembly", "人员密集场所";
        /// Homes.
        Residential = "residential", "居住";
        /// Plants.
        Plant = "plant", "厂房";
        /// Warehouses.
        Warehouse = "warehouse", "仓库";
        /// Garages.
        Garage = "garage", "车库";
        /// Several of these.
        Mixed = "mixed", "综合";
        /// None of these.
        Other = "other", "其他";
    }
}

macro_rules! of_the_rules {
    ($name:ident) => {
        impl Word for $name {
            const WORDS: &'static [$name] = $name::ALL;

            fn word(self) -> &'static str {
                self.as_str()
            }

            fn zh(self) -> &'static str {
                $name::zh(self)
            }
        }
    };
}
of_the_rules!(Level);
of_the_rules!(Role);

/// The Chinese of a word of the tables; itself, if an earlier version wrote another one.
pub fn zh_of<T: Word>(word: &str) -> &str {
    match T::read(word) {
        Some(case) => case.zh(),
        None => word,
    }
}
