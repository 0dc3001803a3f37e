//! Forms as the attributes make them, read from what is sent.

use super::{Form, Pairs, Report, Values, Widget};

#[mizan::choices]
#[derive(Clone, Copy, Debug, PartialEq)]
enum Color {
    Red,
    #[choice(label = "Like the sky", value = "blue")]
    SkyBlue,
    DarkGreen,
}

#[mizan::form]
#[derive(Clone, Debug, PartialEq)]
struct AddressForm {
    #[field(length(max = 5))]
    city: String,
    zip: Option<String>,
}

#[mizan::form(name = "everything", title = "All of it", submit_label = "Go", check = in_order)]
#[derive(Clone, Debug, PartialEq)]
struct EverythingForm {
    text: String,
    #[field(required = false, email, default = "@")]
    email: String,
    maybe: Option<String>,
    #[field(range(min = -1, max = 10), default = 3)]
    number: i8,
    #[field(default = 7)]
    wide: Option<u64>,
    #[field(range(max = 1.5))]
    ratio: Option<f64>,
    flag: bool,
    color: Color,
    #[field(length(max = 2))]
    colors: Vec<Color>,
    address: AddressForm,
    second: Option<AddressForm>,
    #[field(length(max = 3))]
    rows: Vec<AddressForm>,
}

fn in_order(form: &EverythingForm, report: &mut Report) {
    if form.text == "x" && form.flag {
        report.form("an x has no flag");
    }
}

/// The least that counts.
const LEAST: &[(&str, &str)] = &[
    ("text", "a"),
    ("number", "1"),
    ("color", "red"),
    ("address.city", "Oslo"),
];

fn read(pairs: &[(&str, &str)]) -> (Option<EverythingForm>, Report) {
    let values = Values::from_pairs(pairs.iter().copied()).unwrap();
    let mut report = Report::default();
    let form = EverythingForm::read(&values, &mut report);
    (form, report)
}

/// The least, with one field as it is told.
fn with(name: &str, text: &str) -> (Option<EverythingForm>, Report) {
    let others = LEAST.iter().filter(|(known, _)| *known != name);
    let pairs: Vec<_> = others.copied().chain([(name, text)]).collect();
    read(&pairs)
}

#[track_caller]
fn good(name: &str, text: &str) -> EverythingForm {
    let (form, report) = with(name, text);
    assert!(report.is_valid(), "{report:?}");
    form.unwrap()
}

#[track_caller]
fn bad(name: &str, text: &str, message: &str) {
    let (_, report) = with(name, text);
    assert_eq!(report.fields().keys().collect::<Vec<_>>(), [name]);
    assert_eq!(report.fields()[name], [message]);
}

#[test]
fn what_is_missing_is_nothing_where_it_may_be() {
    let form = good("text", "a");
    let expected = EverythingForm {
        text: "a".to_owned(),
        email: String::new(),
        maybe: None,
        number: 1,
        wide: None,
        ratio: None,
        flag: false,
        color: Color::Red,
        colors: Vec::new(),
        address: AddressForm {
            city: "Oslo".to_owned(),
            zip: None,
        },
        second: None,
        rows: Vec::new(),
    };
    assert_eq!(form, expected);
}

#[test]
fn and_told_where_it_may_not() {
    let (form, report) = read(&[]);
    assert_eq!(form, None);
    let names: Vec<_> = report.fields().keys().map(String::as_str).collect();
    assert_eq!(names, ["address.city", "color", "number", "text"]);
    assert!(
        report
            .fields()
            .values()
            .all(|messages| messages == &["is required"])
    );
}

#[test]
fn texts_are_tidied() {
    assert_eq!(good("text", "  a\r\nb\rc \n").text, "a\nb\nc");
    bad("text", " \r\n ", "is required");
    bad("text", "a\0b", "must be a text");
    assert_eq!(good("maybe", "  ").maybe, None);
    assert_eq!(good("email", "").email, "");
    bad("email", "x", "must be an e-mail address");
}

#[test]
fn html_is_text() {
    let html = r#"<script>alert("1")</script>&amp;"#;
    assert_eq!(good("text", html).text, html);
}

#[test]
fn numbers_are_what_they_say() {
    assert_eq!(good("number", " -1 ").number, -1);
    bad("number", "-2", "must be at least -1");
    bad("number", "11", "must be at most 10");
    let range = "must be a whole number from -128 to 127";
    for text in ["128", "1.0", "1e2", "0x1", "one", "1 2"] {
        bad("number", text, range);
    }
    assert_eq!(good("wide", "18446744073709551615").wide, Some(u64::MAX));
    assert_eq!(good("ratio", "-0.5").ratio, Some(-0.5));
    bad("ratio", "2", "must be at most 1.5");
    for text in ["NaN", "inf", "-infinity", "1e999"] {
        bad("ratio", text, "must be a number");
    }
}

#[test]
fn a_box_is_ticked_or_not() {
    assert!(good("flag", "on").flag);
    assert!(!good("flag", "false").flag);
    bad("flag", "maybe", "must be `true` or `false`");
}

#[test]
fn choices_are_those_of_the_list() {
    assert_eq!(good("color", "blue").color, Color::SkyBlue);
    bad("color", "sky_blue", "is not one of the choices");
    bad("color", "", "is required");
    let (form, report) = read(&[LEAST, &[("colors", "dark_green"), ("colors", "red")]].concat());
    assert!(report.is_valid());
    assert_eq!(form.unwrap().colors, [Color::DarkGreen, Color::Red]);
    assert_eq!(good("colors", "").colors, []);
    bad("colors", "black", "is not one of the choices");
    let all = ["red", "blue", "dark_green"].map(|color| ("colors", color));
    let (_, report) = read(&[LEAST, &all].concat());
    assert_eq!(report.fields()["colors"], ["must have at most 2 entries"]);
    let (_, report) = read(&[LEAST, &[("colors", "red"), ("colors", "red")]].concat());
    assert_eq!(report.fields()["colors"], ["is given more than once"]);
}

#[test]
fn groups_are_forms() {
    bad(
        "address.city",
        "Stockholm",
        "must have at most 5 characters",
    );
    let form = good("second.city", "Rome");
    assert_eq!(form.second.unwrap().city, "Rome");
    let blank = [("second.city", " "), ("second.zip", "")];
    let (form, report) = read(&[LEAST, &blank].concat());
    assert!(report.is_valid(), "{report:?}");
    assert_eq!(form.unwrap().second, None);
    bad("second", "x", "must be a group of fields");
}

#[test]
fn rows_have_numbers_with_gaps() {
    let rows = [
        ("rows.10.city", "C"),
        ("rows.0.city", "A"),
        ("rows.2.city", "B"),
    ];
    let (form, report) = read(&[LEAST, &rows].concat());
    assert!(report.is_valid(), "{report:?}");
    let cities: Vec<_> = form.unwrap().rows.into_iter().map(|row| row.city).collect();
    assert_eq!(cities, ["A", "B", "C"]);
    bad("rows.7.city", "Stockholm", "must have at most 5 characters");
    for name in ["x", "-1", "01", "4294967296", "1x"] {
        let (_, report) = with(&format!("rows.{name}.city"), "A");
        let field = format!("rows.{name}");
        assert_eq!(report.fields()[&field], ["is not a field of this form"]);
    }
    let many: Vec<_> = (0..400).map(|row| format!("rows.{row}.zip")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
    let (_, report) = read(&[LEAST, &many].concat());
    assert_eq!(
        report.fields().len(),
        4,
        "one more than may be is looked at: {report:?}"
    );
}

#[test]
fn what_is_repeated_or_unknown_is_told() {
    let (_, report) = read(&[LEAST, &[("text", "b"), ("flag", "on"), ("flag", "on")]].concat());
    assert_eq!(report.fields()["text"], ["is given more than once"]);
    assert_eq!(report.fields()["flag"], ["is given more than once"]);
    for name in ["other", "Text", "address.street", "text_", " text"] {
        bad(name, "x", "is not a field of this form");
    }
    // A button, and what Mizan adds
    assert!(with("", "Send").1.is_valid());
    assert!(with("mizan-key", "1").1.is_valid());
    let long = "x".repeat(1000);
    let (_, report) = with(&long, "x");
    assert!(report.fields().keys().all(|name| name.len() < 110));
    let many: Vec<_> = (0..500).map(|number| format!("x{number}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    assert_eq!(read(&[LEAST, &many].concat()).1.fields().len(), 20);
}

#[test]
fn the_rule_for_all_of_it_runs_where_all_was_read() {
    let (form, report) = read(&[LEAST, &[("flag", "on")]].concat());
    assert!(form.is_some() && report.is_valid());
    let mut pairs = LEAST.to_vec();
    pairs[0].1 = "x";
    pairs.push(("flag", "on"));
    assert_eq!(read(&pairs).1.of_form(), ["an x has no flag"]);
    pairs[1].1 = "no number";
    assert_eq!(read(&pairs).1.of_form(), [""; 0]);
}

#[test]
fn what_is_shown_is_read_again() {
    let pairs = [
        LEAST,
        &[
            ("maybe", "<b>"),
            ("wide", "7"),
            ("ratio", "0.1"),
            ("flag", "on"),
            ("colors", "blue"),
            ("colors", "red"),
            ("second.city", "Rome"),
            ("rows.3.city", "A"),
            ("rows.5.city", "B"),
        ],
    ];
    let form = read(&pairs.concat()).0.unwrap();
    let mut shown = Pairs::default();
    form.show(&mut shown);
    let mut report = Report::default();
    let again = EverythingForm::read(&Values::from_pairs(shown).unwrap(), &mut report);
    assert!(report.is_valid(), "{report:?}");
    assert_eq!(again, Some(form));
}

#[mizan::form]
struct SignUpForm {
    #[field(alphanumeric, custom(not_root))]
    user_name: String,
    #[field(widget = "password", length(min = 8))]
    password: String,
    #[field(widget = "password", matches(password, message = "is another one"))]
    again: String,
    #[field(required(message = "you have to agree"))]
    terms: bool,
}

fn not_root(name: &String) -> Result<(), &'static str> {
    if name == "root" {
        return Err("is somebody else");
    }
    Ok(())
}

#[test]
fn passwords_are_taken_as_they_are_and_not_shown() {
    let pairs = [
        ("user_name", "root"),
        ("password", " 12345678\r\n"),
        ("again", " 12345678\r\n "),
    ];
    let mut report = Report::default();
    let form = SignUpForm::read(&Values::from_pairs(pairs).unwrap(), &mut report);
    assert!(form.is_none());
    assert_eq!(report.fields()["user_name"], ["is somebody else"]);
    assert_eq!(report.fields()["again"], ["is another one"]);
    assert_eq!(report.fields()["terms"], ["you have to agree"]);
    let form = SignUpForm {
        user_name: "ada".to_owned(),
        password: "secret".to_owned(),
        again: "secret".to_owned(),
        terms: false,
    };
    let mut shown = Pairs::default();
    form.show(&mut shown);
    let shown: Vec<_> = shown.into_iter().collect();
    assert_eq!(shown, [("user_name".to_owned(), "ada".to_owned())]);
}

#[test]
fn a_schema_says_what_it_consists_of() {
    let schema = EverythingForm::SCHEMA;
    assert_eq!(
        (schema.name, schema.title, schema.submit_label),
        ("everything", Some("All of it"), "Go")
    );
    let field = |name| {
        schema
            .fields
            .iter()
            .find(|field| field.name == name)
            .unwrap()
    };
    assert_eq!(field("email").widget, Widget::Email);
    assert_eq!(field("email").autocomplete, Some("email"));
    assert!(!field("email").required && field("text").required && !field("flag").required);
    assert_eq!(field("colors").choices[1].label, "Like the sky");
    assert_eq!(field("colors").choices[2].label, "Dark green");
    assert_eq!(field("rows").fields[0].name, "city");
    assert_eq!(SignUpForm::SCHEMA.name, "sign_up");
    assert_eq!(SignUpForm::SCHEMA.fields[0].label, "User name");
    assert_eq!(
        SignUpForm::SCHEMA.fields[1].autocomplete,
        Some("new-password")
    );
    assert_eq!(
        SignUpForm::ENDPOINTS.submit.path,
        "/api/mizan/call/sign_up.submit"
    );
    let mut initial = Pairs::default();
    EverythingForm::initial(&mut initial);
    let initial: Vec<_> = initial.into_iter().collect();
    let expected = [("email", "@"), ("number", "3"), ("wide", "7")];
    assert_eq!(
        initial,
        expected.map(|(name, text)| (name.to_owned(), text.to_owned()))
    );
}
