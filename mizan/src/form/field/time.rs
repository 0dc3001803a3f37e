//! Dates and times, as HTML's inputs send them.

use super::{Field, Reading};
use crate::form::{Pairs, Shape, Widget};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

macro_rules! times {
    ($($ty:ty, $widget:ident, $expected:literal, $shown:literal, $formats:expr;)*) => {$(
        impl Field for $ty {
            const SHAPE: Shape = Shape::new(Widget::$widget);

            fn read(reading: &mut Reading<'_>) -> Option<Self> {
                let parse = |text: &str| {
                    let mut formats = $formats.iter();
                    formats.find_map(|format| Self::parse_from_str(text, format).ok())
                };
                reading.parse_with($expected, parse)
            }

            fn show(&self, name: &str, pairs: &mut Pairs) {
                pairs.put(name, self.format($shown).to_string());
            }
        }
    )*};
}

times! {
    NaiveDate, Date, "a date, as 2026-01-31", "%Y-%m-%d", ["%Y-%m-%d"];
    NaiveTime, Time, "a time, as 12:30", "%H:%M:%S%.f", ["%H:%M", "%H:%M:%S%.f"];
    NaiveDateTime, Datetime, "a date with a time, as 2026-01-31T12:30", "%Y-%m-%dT%H:%M:%S%.f",
        ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::{FieldSchema, Report, Values, read};

    fn parse<T: Field>(text: &str) -> Option<T> {
        let field = FieldSchema::new::<T>("at", "At");
        let values = Values::from_pairs([("at", text)]).unwrap();
        read(&values, &field, &mut Report::default())
    }

    fn shown<T: Field>(value: &T) -> String {
        let mut pairs = Pairs::default();
        value.show("at", &mut pairs);
        pairs.into_iter().next().unwrap().1
    }

    #[test]
    fn what_browsers_send_is_read_and_shown_so() {
        let day = parse::<NaiveDate>("2026-01-31").unwrap();
        assert_eq!(shown(&day), "2026-01-31");
        let time = parse::<NaiveTime>("12:30").unwrap();
        assert_eq!(shown(&time), "12:30:00");
        assert_eq!(parse("12:30:00"), Some(time));
        let both = parse::<NaiveDateTime>("2026-01-31T12:30").unwrap();
        assert_eq!(shown(&both), "2026-01-31T12:30:00");
        assert_eq!(both, day.and_time(time));
        for text in ["2026-02-30", "31.1.2026", "2026-01-31T12:30", "x"] {
            assert_eq!(parse::<NaiveDate>(text), None, "{text}");
        }
    }
}
