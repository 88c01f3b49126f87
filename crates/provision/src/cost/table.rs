//! The table of prices.

use std::collections::BTreeMap;
use std::path::Path;

use firmhold_core::{Code, Problem};
use serde::Deserialize;

use super::{Item, Price, Source, Tier};

const COMMITTED: &str = include_str!("prices.toml");
/// A row for every region.
const EVERYWHERE: &str = "*";
/// A table of one's own is a page, not a catalogue.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Prices by item and region, and the texts they rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceTable {
    sources: BTreeMap<String, Source>,
    /// By item, region and, of a transfer to one region in particular, that region.
    prices: BTreeMap<(Item, String, Option<String>), Price>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    source: Vec<Source>,
    #[serde(default)]
    price: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    item: String,
    regions: Vec<String>,
    /// Of a transfer.
    to: Option<String>,
    usd: Option<f64>,
    tiers: Option<Vec<Tier>>,
    source: String,
}

impl PriceTable {
    /// The one that this version carries.
    ///
    /// # Errors
    /// [`Code::Internal`]: a test keeps that from happening.
    pub fn committed() -> Result<Self, Problem> {
        Self::parse(COMMITTED).map_err(Problem::internal)
    }

    /// The committed one, with the rows of a file of the same form in place of its own.
    ///
    /// # Errors
    /// [`Code::LocalFile`] when it cannot be read, [`Code::Usage`] with the place when it is no table.
    pub fn with_file(path: &Path) -> Result<Self, Problem> {
        let unreadable = |error: std::io::Error| {
            Problem::new(Code::LocalFile, format!("cannot read the prices in {}", path.display()))
                .caused_by(error)
        };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > MAX_FILE_BYTES {
            return Err(Problem::new(
                Code::Usage,
                format!("{} is too long for a table of prices", path.display()),
            ));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let own = Self::parse(&text).map_err(|says| {
            Problem::new(Code::Usage, format!("{} is no table of prices: {says}", path.display()))
                .with_hint("docs/account-cost.md shows the form of a row.")
        })?;
        let mut table = Self::committed()?;
        table.sources.extend(own.sources);
        // A row for every region must not lose to a committed one for a single region.
        for (item, region, to) in own.prices.keys() {
            if region == EVERYWHERE {
                table.prices.retain(|(other, _, other_to), _| (other, other_to) != (item, to));
            }
        }
        table.prices.extend(own.prices);
        Ok(table)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut table = Self { sources: BTreeMap::new(), prices: BTreeMap::new() };
        for source in file.source {
            if let Some(twice) = table.sources.insert(source.id.clone(), source) {
                return Err(format!("the source {} stands there twice", twice.id));
            }
        }
        for row in file.price {
            table.add(row)?;
        }
        Ok(table)
    }

    fn add(&mut self, row: Row) -> Result<(), String> {
        let item = Item::parse(&row.item).ok_or_else(|| format!("there is no item {:?}", row.item))?;
        if !self.sources.contains_key(&row.source) {
            return Err(format!(
                "the price of {item} rests on {:?}, which is no source of the file",
                row.source
            ));
        }
        let tiers = match (row.usd, row.tiers) {
            (Some(usd), None) => vec![Tier { to: None, usd }],
            (None, Some(tiers)) => tiers,
            _ => return Err(format!("the price of {item} needs either `usd` or `tiers`")),
        };
        check_tiers(item, &tiers)?;
        for region in row.regions {
            let price = Price { tiers: tiers.clone(), source: row.source.clone() };
            if self.prices.insert((item, region.clone(), row.to.clone()), price).is_some() {
                return Err(format!("the price of {item} in {region} stands there twice"));
            }
        }
        Ok(())
    }

    /// The price of an item in a region, if a text with one was found.
    pub fn find(&self, item: Item, region: &str) -> Option<&Price> {
        self.find_to(item, region, None)
    }

    /// As [`Self::find`], of a transfer to `to`: a row for that pair comes first.
    pub fn find_to(&self, item: Item, region: &str, to: Option<&str>) -> Option<&Price> {
        let row = |region: &str, to: Option<&str>| {
            self.prices.get(&(item, region.to_owned(), to.map(str::to_owned)))
        };
        to.and_then(|to| row(region, Some(to)))
            .or_else(|| row(region, None))
            .or_else(|| row(EVERYWHERE, None))
    }

    /// USD a unit of an item in a region, of the first tier that costs anything.
    pub fn first_tier(&self, item: Item, region: &str) -> Option<f64> {
        self.find(item, region).and_then(Price::first_paid)
    }

    /// A text by its id.
    pub fn source(&self, id: &str) -> Option<&Source> {
        self.sources.get(id)
    }

    /// Every row: item, region, the region that it goes to, price.
    pub fn rows(&self) -> impl Iterator<Item = (Item, &str, Option<&str>, &Price)> {
        self.prices.iter().map(|((item, region, to), price)| (*item, region.as_str(), to.as_deref(), price))
    }

    /// Every text.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }
}

fn check_tiers(item: Item, tiers: &[Tier]) -> Result<(), String> {
    let mut last = 0.0;
    for (index, tier) in tiers.iter().enumerate() {
        if !(tier.usd.is_finite() && tier.usd >= 0.0) {
            return Err(format!("a price of {item} is no amount"));
        }
        match tier.to {
            Some(to) if to.is_finite() && to > last => last = to,
            None if index + 1 == tiers.len() => {}
            _ => return Err(format!("the tiers of {item} do not ascend")),
        }
    }
    if tiers.is_empty() { Err(format!("the price of {item} has no tier")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::StorageClass;

    /// The guide's regions and ten more.
    const REGIONS: [&str; 14] = [
        "us-east-1",
        "us-west-2",
        "eu-west-1",
        "ap-southeast-1",
        "us-east-2",
        "us-west-1",
        "ca-central-1",
        "eu-central-1",
        "eu-west-2",
        "eu-north-1",
        "ap-northeast-1",
        "ap-southeast-2",
        "ap-south-1",
        "sa-east-1",
    ];

    #[test]
    fn the_committed_table_is_sound() {
        let table = PriceTable::committed().unwrap();
        for region in REGIONS {
            for item in [Item::Storage(StorageClass::Standard), Item::Egress, Item::Transfer] {
                assert!(table.find(item, region).is_some(), "{item} in {region}");
            }
        }
        let used: std::collections::BTreeSet<&str> =
            table.rows().map(|(_, _, _, price)| price.source.as_str()).collect();
        for source in table.sources() {
            assert!(used.contains(source.id.as_str()), "nothing rests on {}", source.id);
            assert!(source.read.len() == 10 && source.text.len() > 20, "{source:?}");
        }
    }

    #[test]
    fn a_pair_of_regions_comes_before_the_rule() {
        let table = PriceTable::committed().unwrap();
        let usd = |to| table.find_to(Item::Transfer, "us-east-1", Some(to)).unwrap().first_paid();
        assert_eq!((usd("us-east-2"), usd("eu-west-1")), (Some(0.01), Some(0.02)));
    }

    #[test]
    fn ones_own_rows_come_first_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.toml");
        std::fs::write(
            &path,
            "[[source]]\nid = \"contract\"\ntext = \"our private pricing addendum\"\nread = \"2026-01-02\"\n\
             [[price]]\nitem = \"egress\"\nregions = [\"*\"]\nusd = 0.05\nsource = \"contract\"\n",
        )
        .unwrap();
        let table = PriceTable::with_file(&path).unwrap();
        assert_eq!(table.first_tier(Item::Egress, "us-west-2"), Some(0.05));
        assert_eq!(table.first_tier(Item::Egress, "mx-central-1"), Some(0.05));
        assert_eq!(table.first_tier(Item::Storage(StorageClass::Standard), "us-west-2"), Some(0.023));
    }

    #[test]
    fn what_is_no_table_is_refused_with_the_reason() {
        let source = "[[source]]\nid = \"a\"\ntext = \"t\"\nread = \"2026-01-02\"\n";
        for (rest, says) in [
            ("[[price]]\nitem = \"gold\"\nregions = []\nusd = 1.0\nsource = \"a\"", "no item"),
            ("[[price]]\nitem = \"egress\"\nregions = []\nusd = 1.0\nsource = \"b\"", "no source"),
            ("[[price]]\nitem = \"egress\"\nregions = []\nsource = \"a\"", "either"),
            ("[[price]]\nitem = \"egress\"\nregions = []\nusd = -1.0\nsource = \"a\"", "no amount"),
            ("[[price]]\nitem = \"egress\"\nregions = []\nusd = nan\nsource = \"a\"", "no amount"),
            (
                "[[price]]\nitem = \"egress\"\nregions = []\ntiers = [{usd = 1.0}, {usd = 2.0}]\nsource = \"a\"",
                "ascend",
            ),
            ("[[price]]\nitem = \"egress\"\nregions = [\"x\", \"x\"]\nusd = 1.0\nsource = \"a\"", "twice"),
            ("[[cost]]", "unknown field"),
        ] {
            let refused = PriceTable::parse(&format!("{source}{rest}")).unwrap_err();
            assert!(refused.contains(says), "{rest}: {refused}");
        }
    }
}
