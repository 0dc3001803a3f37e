//! What is left behind, to the byte.

use super::*;

#[tokio::test]
async fn a_hundred_thousand_mounts_leave_nothing_behind() {
    page_alone(async |owner: Owner| {
        let page = owner.with(Page::current);
        // What is shown and hidden again has an owner that is emptied, as in `<Show>`
        let place = owner.child();
        let cycle = async |user_id: i64| {
            let below = place.with(|| component(&place, RwSignal::new(user_id)));
            let query = below.with(use_user_name);
            settle_shortly().await;
            for request in asked() {
                request.answer(&name("Ada", 36));
            }
            settle_shortly().await;
            assert_eq!(shown(query).as_deref(), Some("Ada"));
            drop(below);
            place.cleanup();
            settle_shortly().await;
            pass(Duration::from_secs(30));
        };
        for user_id in 0..2_000 {
            cycle(user_id % 100).await;
        }
        let before = ALLOCATED.allocated();
        for user_id in 0..100_000 {
            cycle(user_id % 1_000).await;
        }
        let grown = ALLOCATED.allocated().saturating_sub(before);
        assert!(page.len() < 5, "{}", page.len());
        assert!(
            grown < 256 * 1024,
            "100,000 cycles left {grown} bytes behind"
        );
    })
    .await;
}

#[tokio::test]
async fn hooks_below_a_provider_that_stays_leave_nothing_behind() {
    page_alone(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let provider = owner.with(|| profile(&owner, RwSignal::new(5)));
        let place = provider.child();
        let cycle = async || {
            let child = place.with(|| place.child());
            assert_eq!(shown(child.with(use_user_name)).as_deref(), Some("Ada"));
            drop(child);
            place.cleanup();
            settle_shortly().await;
        };
        for _ in 0..1_000 {
            cycle().await;
        }
        let before = ALLOCATED.allocated();
        for _ in 0..20_000 {
            cycle().await;
        }
        let grown = ALLOCATED.allocated().saturating_sub(before);
        assert!(
            grown < 256 * 1024,
            "20,000 cycles left {grown} bytes behind"
        );
        assert_eq!(shown(query).as_deref(), Some("Ada"));
    })
    .await;
}
