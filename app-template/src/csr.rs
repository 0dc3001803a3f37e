//! The application rendered by the browser alone: `trunk serve`, beside a running server.

fn main() {
    console_error_panic_hook::set_once();
    mizan::mount(app::app::App);
}
