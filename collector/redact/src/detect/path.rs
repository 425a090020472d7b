//! Names of people in the paths of their home folders.

use super::bytes::{before, is_alphanumeric, run};
use super::{Detector, Trigger};
use std::ops::Range;

pub(super) const USER_PATH: Detector = Detector {
    rule: "USER_PATH",
    reason: "the folder is named after its owner",
    triggers: &[Trigger::Literal(&["/home/", "/users/", "\\users\\", "\\documents and settings\\"], find)],
};

/// Folders that belong to nobody.
const NOBODY: [&[u8]; 20] = [
    b"shared",
    b"public",
    b"default",
    b"user",
    b"users",
    b"ubuntu",
    b"runner",
    b"node",
    b"root",
    b"app",
    b"vscode",
    b"me",
    b"dev",
    b"admin",
    b"agent",
    b"worker",
    b"ec2-user",
    b"jenkins",
    b"circleci",
    b"linuxbrew",
];

fn find(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let literal = &text[at.clone()];
    let of_a_system =
        literal == b"/home/" || literal[1..].starts_with(b"Users") || literal.starts_with(b"\\Documents");
    // A drive or a share stands before it, and no part of an address.
    let mounted =
        literal[0] == b'\\' || text[..at.start].ends_with(b"/mnt/c") || text[..at.start].ends_with(b"/wsl");
    let previous = before(text, at.start).filter(|_| !mounted);
    if !of_a_system || is_alphanumeric(previous) || matches!(previous, Some(b'.' | b'-' | b'_' | b'}' | b'~'))
    {
        return None;
    }
    let end = run(text, at.end, text.len(), |byte| {
        byte.is_ascii_alphanumeric() || b"._-".contains(&byte) || byte >= 0x80
    });
    let name = &text[at.end..end];
    let name = &name[..name.len() - name.iter().rev().take_while(|&&byte| byte == b'.').count()];
    let somebody =
        name.len() > 1 && name[0] != b'.' && !NOBODY.contains(&name.to_ascii_lowercase().as_slice());
    somebody.then_some(at.end..at.end + name.len())
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_the_owner_and_leaves_the_path() {
        found("see /home/iobrien/projects", "USER_PATH", &["iobrien"]);
        found("/Users/ada/x", "USER_PATH", &["ada"]);
        found(r"open C:\Users\nina\Desktop", "USER_PATH", &["nina"]);
        found(&format!("/home/{}/x", "é".repeat(40)), "USER_PATH", &[&"é".repeat(40)]);
        found(r"open C:\\Users\\nina\\Desktop", "USER_PATH", &["nina"]);
    }

    #[test]
    fn leaves_folders_of_nobody_and_addresses_of_the_web() {
        for text in [
            "/home/ubuntu/x",
            "got /home/ back",
            "https://a.io/home/settings",
            "GET /users/42",
            "/usr/local/lib",
        ] {
            nothing(text);
        }
    }
}
