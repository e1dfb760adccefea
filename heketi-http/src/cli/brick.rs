use heketi_core::api::BrickEvictRequest;
use heketi_core::id::BrickId;

use super::args::BrickCommand;
use super::{CliError, Session, id};

pub(super) async fn run(mut session: Session<'_>, command: BrickCommand) -> Result<(), CliError> {
    let BrickCommand::Evict { arguments, expert_option_disable_heal_check: skip } = command;
    if arguments.len() > 1 {
        return Err(CliError::new("Too many arguments provided"));
    }
    let brick: BrickId = id(arguments.first().map(String::as_str), "Brick id missing")?;
    let mut request = BrickEvictRequest::default();
    if skip {
        session.warn_of_skipped_heal_check().await?;
        request.healcheck = "disable".to_owned();
    }
    session.client.brick_evict(brick, &request).await?;
    session.print(&format!("Brick {brick} evicted\n"))
}
