use std::process::{Command, Stdio};

/// Who runs this command, for the audit log: `cli:` and the name of the system's user, or else its number.
pub(crate) fn actor() -> String {
    let name = ask(&["-un"]).or_else(|| ask(&["-u"])).unwrap_or_else(|| "unknown".into());
    format!("cli:{name}")
}

/// The system's own word, and not a variable that anybody may set.
fn ask(flags: &[&str]) -> Option<String> {
    let (program, flags) = if cfg!(windows) { ("whoami", &[][..]) } else { ("id", flags) };
    let output = Command::new(program).args(flags).stderr(Stdio::null()).output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}
