use super::{Problem, first};
use crate::accounts::{Member, StaffContextProvider, use_members};
use leptos::prelude::*;
use leptos_meta::Title;

/// Everybody who has an account: for staff. The guard is the function's, not the page's.
#[component]
pub fn Staff() -> impl IntoView {
    view! {
        <Title text="Members"/>
        <section class="lead"><h1>"Members"</h1></section>
        <StaffContextProvider><Members/></StaffContextProvider>
    }
}

#[component]
fn Members() -> impl IntoView {
    let members = use_members();
    view! {
        <Transition fallback=|| view! { <p class="quiet" role="status">"Fetching the members…"</p> }>
            <ErrorBoundary fallback=|errors| view! { <Problem text=move || first(&errors.get())/> }>
                {move || members.get().map(|members| members.map(table))}
            </ErrorBoundary>
        </Transition>
    }
}

fn table(members: Vec<Member>) -> impl IntoView {
    let row = |member: Member| {
        let day = member.joined.get(..10).unwrap_or_default().to_owned();
        view! {
            <tr>
                <th scope="row">{member.name}</th>
                <td>{if member.is_staff { "staff" } else { "member" }}</td>
                <td>{member.notes}</td>
                <td>{day}</td>
            </tr>
        }
    };
    view! {
        <table>
            <thead><tr><th scope="col">"Name"</th><th scope="col">"Role"</th><th scope="col">"Notes"</th><th scope="col">"Since"</th></tr></thead>
            <tbody>{members.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
}
