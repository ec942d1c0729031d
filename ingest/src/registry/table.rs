//! The six tables of the registry: what their files are called, and their columns.

use std::fmt;

/// A table, in the order in which they lean on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// The grid tree.
    Grids,
    /// The key units.
    Units,
    /// Their buildings.
    Buildings,
    /// Who is entered for which grid.
    People,
    /// Which gateway watches which unit.
    Gateways,
    /// The devices of the gateways.
    Devices,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its head in English, and its name everywhere else.
    pub key: &'static str,
    /// Its heads in Chinese; the first is written.
    pub zh: &'static [&'static str],
    /// Whether a sheet without it cannot be read.
    pub needed: bool,
}

const fn needed(key: &'static str, zh: &'static [&'static str]) -> Column {
    Column { key, zh, needed: true }
}

const fn maybe(key: &'static str, zh: &'static [&'static str]) -> Column {
    Column { key, zh, needed: false }
}

const ID: Column = needed("id", &["编号", "编码"]);
const NAME: Column = needed("name", &["名称"]);
const GRID: Column = needed("grid", &["网格", "所属网格"]);
const UNIT: Column = needed("unit", &["单位", "所属单位"]);
const PHONE: Column = maybe("phone", &["电话", "联系电话", "手机"]);
const GATEWAY: Column = needed("gateway", &["网关"]);

impl Table {
    /// All of them.
    pub const ALL: [Table; 6] = [
        Table::Grids,
        Table::Units,
        Table::Buildings,
        Table::People,
        Table::Gateways,
        Table::Devices,
    ];

    /// The word of files and interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Table::Grids => "grids",
            Table::Units => "units",
            Table::Buildings => "buildings",
            Table::People => "people",
            Table::Gateways => "gateways",
            Table::Devices => "devices",
        }
    }

    /// The word on Chinese pages.
    pub const fn zh(self) -> &'static str {
        match self {
            Table::Grids => "网格",
            Table::Units => "联网单位",
            Table::Buildings => "建筑",
            Table::People => "人员",
            Table::Gateways => "网关",
            Table::Devices => "设备",
        }
    }

    /// The name of its file in a folder.
    pub fn file(self) -> String {
        format!("{self}.csv")
    }

    /// The table of a word.
    pub fn of(word: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.as_str() == word)
    }

    /// Its columns, in the order in which they are written.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Table::Grids => {
                const {
                    &[
                        ID,
                        NAME,
                        needed("level", &["级别", "层级"]),
                        needed("parent", &["上级", "上级网格"]),
                    ]
                }
            }
            Table::Units => {
                const {
                    &[
                        ID,
                        NAME,
                        GRID,
                        maybe("address", &["地址"]),
                        maybe("contact", &["联系人"]),
                        PHONE,
                        maybe("class", &["建筑类别", "类别"]),
                    ]
                }
            }
            Table::Buildings => {
                const {
                    &[
                        ID,
                        UNIT,
                        NAME,
                        maybe("floors_above", &["地上层数"]),
                        maybe("floors_below", &["地下层数"]),
                        maybe("use", &["用途", "使用性质"]),
                        maybe("height", &["高度", "高度(m)", "高度（米）"]),
                    ]
                }
            }
            Table::People => {
                const {
                    &[
                        ID,
                        needed("name", &["姓名", "名称"]),
                        needed("role", &["角色", "岗位"]),
                        PHONE,
                        GRID,
                    ]
                }
            }
            Table::Gateways => const { &[GATEWAY, UNIT] },
            Table::Devices => {
                const {
                    &[
                        GATEWAY,
                        needed("device", &["设备", "设备号"]),
                        maybe("name", &["名称"]),
                        maybe("building", &["建筑", "所在建筑"]),
                        maybe("place", &["位置", "安装位置"]),
                        maybe("maker", &["厂家", "生产厂家"]),
                        maybe("model", &["型号"]),
                    ]
                }
            }
        }
    }
}

impl Column {
    /// Whether this is what stands above it.
    pub fn is_called(&self, head: &str) -> bool {
        self.key == head || self.zh.contains(&head)
    }

    /// What is written above it in a Chinese sheet.
    pub fn head_zh(&self) -> &'static str {
        self.zh.first().copied().unwrap_or(self.key)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
