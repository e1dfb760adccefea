use heketi_core::api::{AdminStatus, CleanUpRequest, LogLevelInfo, OperationInfo};
use heketi_core::id::OperationId;

use super::args::{
    DbCommand, ExamineCommand, LogLevelCommand, ModeCommand, OperationsCommand, ServerCommand, StateCommand,
};
use super::{CliError, Session, Terminal, text};

pub(super) async fn run(mut session: Session<'_>, command: ServerCommand) -> Result<(), CliError> {
    match command {
        ServerCommand::Operations(command) => operations(session, command).await,
        ServerCommand::Mode(command) => mode(session, command).await,
        ServerCommand::State(StateCommand::Examine(ExamineCommand::Gluster)) => {
            let state = session.client.state_examine_gluster().await?;
            session.print(&state)
        }
    }
}

/// Prints the server's answers as they come.
pub(super) async fn db(mut session: Session<'_>, command: DbCommand) -> Result<(), CliError> {
    let answer = match command {
        DbCommand::Dump => session.client.db_dump().await?,
        DbCommand::Check => session.client.db_check().await?,
    };
    session.print(&answer)
}

async fn operations(mut session: Session<'_>, command: OperationsCommand) -> Result<(), CliError> {
    match command {
        OperationsCommand::Info(object) => match object.id.filter(|id| !id.is_empty()) {
            None => {
                let counts = session.client.operations_info().await?;
                session.show(&counts, text::operation_counts)
            }
            Some(named) => {
                let id: OperationId = match super::id(Some(&named), "") {
                    Ok(id) => id,
                    // As the server tells it for an operation.
                    Err(error) if error == CliError::new("Id not found") => {
                        return Err(CliError(format!("{error}: {named}")));
                    }
                    Err(error) => return Err(error),
                };
                let details = session.client.pending_operation_details(id).await?;
                session.show(&details, text::operation)
            }
        },
        OperationsCommand::List => {
            let list = session.client.pending_operation_list().await?;
            let terminal = session.terminal;
            session.show(&list, |list| lines(&list.pendingoperations, terminal))
        }
        OperationsCommand::Cleanup { operations } => {
            session.client.pending_operation_clean_up(&CleanUpRequest { operations }).await?;
            writeln!(
                session.err,
                "Note: Operation clean up is a batch operation.\n\
                 * The results of individual operation clean ups are not reported here.\n\
                 * Use 'heketi-cli server operations [list|info]' to view operations."
            )?;
            Ok(())
        }
    }
}

fn lines(operations: &[OperationInfo], terminal: Terminal) -> String {
    if terminal.width.is_none() {
        return operations.iter().map(line).collect();
    }
    let row = |it: &OperationInfo| {
        let status = if it.status.is_empty() { "new" } else { &it.status };
        vec![it.id.to_string(), it.type_name.clone(), status.to_owned(), it.sub_status.clone()]
    };
    terminal.table(&["ID", "TYPE", "STATUS", ""], operations.iter().map(row))
}

fn line(operation: &OperationInfo) -> String {
    let status = text::operation_status(operation);
    format!("Id:{}  Type:{}  Status:{status}\n", operation.id, operation.type_name)
}

async fn mode(mut session: Session<'_>, command: ModeCommand) -> Result<(), CliError> {
    match command {
        ModeCommand::Get => {
            let status = session.client.admin_status_get().await?;
            session.show(&status, |status| format!("{}\n", status.state))
        }
        ModeCommand::Set { arguments } => match arguments.as_slice() {
            [] => Err(CliError::new("missing mode argument")),
            [state] => Ok(session.client.admin_status_set(&AdminStatus { state: state.clone() }).await?),
            _ => Err(CliError::new("too many arguments")),
        },
    }
}

pub(super) async fn log_level(mut session: Session<'_>, command: LogLevelCommand) -> Result<(), CliError> {
    match command {
        LogLevelCommand::Get => {
            let info = session.client.log_level_get().await?;
            session.show(&info, |info| format!("{}\n", info.level().unwrap_or_default()))
        }
        LogLevelCommand::Set { arguments } => match arguments.as_slice() {
            [] => Err(CliError::new("missing log-level argument")),
            [level] => {
                let info = session.client.log_level_set(&LogLevelInfo::new(level)).await?;
                session.show(&info, |_| "Server log level updated\n".to_owned())
            }
            _ => Err(CliError::new("too many arguments")),
        },
    }
}
