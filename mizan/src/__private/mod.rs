//! For the code that the attribute macros generate, and for nobody else: no promise is made.

pub use crate::{
    call::{AnswerEncoding, Call, Returns, Server, Shapes, side::call},
    context::{Member, provide, query},
    error::Error,
    form::{
        FORM, KEY, Place, Posted, action, check_custom, check_same, choice_shape, choices_shape,
        group_shape, key, measured, numeric, posted, read, read_choice, read_choices, read_group,
        read_rows, refuse_unknown, rows_shape, show, show_choices, show_group, show_rows, textual,
        whole,
    },
    route::url,
};
pub use serde;
pub use server_fn::{
    Http, ServerFn,
    client::browser::BrowserClient,
    codec::{Json, Post, PostUrl},
};

#[cfg(feature = "ssr")]
pub use {
    crate::{
        auth::{Guard, GuardContext, UserType, admit, user_type},
        cache::CachePolicy,
        call::server::{Body, Registration as FunctionRegistration, Terms},
        channel::server::{ChannelRegistration, ServerAddress, position, push},
        context::server::{
            ContextRegistration, MemberRegistration, Parameter, ServerContext, ServerMember, Values,
        },
        form::server::{FormArguments, FormRegistration},
        limit::Rate,
        mutation::consequences::{Argument, ArgumentType, Effect, same_type},
        registry::Location,
        route::server::{Answered, Route, RouteRegistration, Sent, answered, visit},
    },
    axum::response::Response,
    inventory,
};
