use clap::Args;

#[derive(Args)]
pub(in crate::cli) struct SetTags {
    /// Id of the object, then tag:value pairs
    #[arg(value_name = "ID TAG:VALUE")]
    pub(in crate::cli) arguments: Vec<String>,
    /// Remove all other tags
    #[arg(short, long)]
    pub(in crate::cli) exact: bool,
}

#[derive(Args)]
pub(in crate::cli) struct RemoveTags {
    /// Id of the object, then names of tags
    #[arg(value_name = "ID TAG")]
    pub(in crate::cli) arguments: Vec<String>,
    /// Remove all tags
    #[arg(long)]
    pub(in crate::cli) all: bool,
}
