#[mizan::context(name = "Profile", stale_time = "soon", gc_time = 5, color, refetch_on_focus = true)]
pub struct ProfileContext {
    pub user_id: i64,
}

#[mizan::context(stale_time = "0s", stale_time = "1s")]
pub struct OtherContext;

fn main() {}
