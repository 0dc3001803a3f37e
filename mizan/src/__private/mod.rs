//! For the code that the attribute macros generate, and for nobody else: no promise is made.

pub use crate::{
    call::{AnswerEncoding, Call, Returns, Server, Shapes, side::call},
    context::{Member, provide, query},
    error::Error,
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
        call::server::{Body, Registration as FunctionRegistration},
        channel::server::{ChannelRegistration, ServerAddress, position, push},
        context::server::{
            ContextRegistration, MemberRegistration, Parameter, ServerContext, ServerMember, Values,
        },
        limit::Rate,
        mutation::consequences::{Argument, ArgumentType, Effect, same_type},
        registry::Location,
    },
    inventory,
};
