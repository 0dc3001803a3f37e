//! The application rendered by the browser alone: `trunk serve`, beside a running server.

// The types of pages are as deep as these are
#![recursion_limit = "256"]

fn main() {
    console_error_panic_hook::set_once();
    mizan::mount(app::app::App);
}
