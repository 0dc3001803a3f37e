//! What the page was sent for a form, as it carries that.

use crate::{browser, form::Posted};
use leptos::reactive::owner::Owner;
use std::cell::Cell;

thread_local! {
    /// Whether the page's form has what was sent for it.
    static IS_TAKEN: Cell<bool> = const { Cell::new(false) };
}

/// All that ask while the page is taken over get it, and otherwise who asks first: a form that waits
/// for data is there a little later.
pub(in crate::form) fn posted(name: &str) -> Option<Posted> {
    let page = Owner::current_shared_context();
    let is_hydrating = page.is_some_and(|page| page.during_hydration());
    if IS_TAKEN.get() && !is_hydrating {
        return None;
    }
    let posted = Posted::read(&browser::posted()?).ok()?;
    if posted.form != name {
        return None;
    }
    IS_TAKEN.set(true);
    Some(posted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{browser::fake, form::side};

    #[test]
    fn a_form_begins_with_what_the_page_was_sent_once() {
        assert_eq!(posted("contact"), None);
        fake::page_was_sent(
            r#"{"form":"contact","pairs":["name","Ada"],"error":{"code":"FORBIDDEN","message":"no"}}"#,
        );
        assert_eq!(posted("other"), None);
        let sent = posted("contact").unwrap();
        assert_eq!(sent.pairs, [("name".to_owned(), "Ada".to_owned())]);
        assert_eq!(sent.error.unwrap().message(), "no");
        assert_eq!(posted("contact"), None, "a form that is shown anew");
    }

    #[test]
    fn it_goes_to_the_page_s_own_address() {
        assert_eq!(
            crate::form::action("contact"),
            format!("{}#contact-form", side::address())
        );
    }
}
