//! Passwords beside their label.

use super::bytes::run;
use super::label::Bond;
use super::{Detector, Label, Trigger};
use std::ops::Range;

pub(super) const PASSWORD: Detector = Detector {
    rule: "PASSWORD",
    reason: "it opens an account, and is used for others as well",
    triggers: &[
        Trigger::Label(&LABEL),
        Trigger::Label(&SHORT),
        Trigger::Literal(
            &[
                "user: ",
                "user ",
                "login ",
                "login: ",
                "username ",
                "username: ",
                "usuario ",
                "utente ",
                "логин ",
                "credentials: ",
            ],
            pair,
        ),
        Trigger::Literal(
            &[
                "sshpass -p",
                "docker login",
                "podman login",
                "mysql -",
                "mysqldump -",
                "mysqladmin -",
                "curl -",
                "wget --",
            ],
            command,
        ),
    ],
};

/// What a command is let in with: `sshpass -p x`, `docker login -u ada -p x`, `mysql -u root -px`, `curl -u ada:x`.
fn command(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let line = run(text, at.start, 240, |byte| byte != b'\n' && byte != b'|' && byte != b';');
    let words = &text[at.start..line];
    let is_curl = words.starts_with(b"curl");
    let flag: &[u8] = if is_curl { b" -u " } else { b" -p" };
    let found = at.start + memchr::memmem::find(words, flag)? + flag.len();
    let start = run(text, found, 2, |byte| byte == b' ' || byte == b'\'');
    // `mysql -p x` asks for the password, and works on the database x.
    let asks = words[..5] == *b"mysql" && start > found;
    let user = if is_curl { memchr::memchr(b':', unquoted(&text[start..]))? + 1 } else { 0 };
    let password = unquoted(&text[start + user..]);
    let fits = password.len() >= 4
        && !asks
        && !super::label::is_placeholder(password)
        && !password.starts_with(b"-");
    fits.then(|| start + user..start + user + password.len())
}

/// `user: root pass: x`, `login ada / hasło x`, `credentials: ada:x`: a name, and the password after it.
fn pair(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let name = run(text, at.end, 48, |byte| byte > b' ' && !b",;:/\"'<>|".contains(&byte));
    let colon = name > at.end && text.get(name) == Some(&b':') && text[at.start..at.end].ends_with(b": ");
    let value = if colon {
        name + 1
    } else {
        let gap = run(text, name, 4, |byte| b" ,;/|".contains(&byte));
        let line = &text[gap..text.len().min(gap + 64)];
        let words = LABEL.words.iter().chain(SHORT.words).map(|word| word.as_bytes());
        let label = words.filter(|word| starts_in_any_case(line, word)).map(<[u8]>::len).max()?;
        gap + label + run(&line[label..], 0, 3, |byte| b": =".contains(&byte))
    };
    let password = unquoted(text.get(value..)?);
    let is_next = name > at.end && value > name && matches!(text[value - 1], b' ' | b':' | b'=');
    (is_next && password.len() >= 6 && is_mixed(password)).then_some(value..value + password.len())
}

fn starts_in_any_case(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Words that mean other things as well: their value has to be assigned.
const SHORT: Label = Label {
    words: &["pass", "passw", "pw", "pword", "pswd", "psw", "kennw", "pwort"],
    loose: false,
    accept: |text, bond| accept(text, bond).filter(|_| bond != Bond::Said),
};

const LABEL: Label = Label {
    words: &[
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "passcode",
        "pass_phrase",
        "pass-phrase",
        "db_pass",
        "db-pass",
        "user_pass",
        "userpass",
        "passwort",
        "kennwort",
        "losungswort",
        "contraseña",
        "contrasena",
        "contrasenya",
        "clave",
        "mot de passe",
        "mot_de_passe",
        "motdepasse",
        "mdp",
        "senha",
        "palavra-passe",
        "palavra passe",
        "wachtwoord",
        "parola",
        "parola d'ordine",
        "lösenord",
        "losenord",
        "adgangskode",
        "passord",
        "salasana",
        "hasło",
        "haslo",
        "heslo",
        "jelszó",
        "jelszo",
        "parolă",
        "şifre",
        "şifresi",
        "lozinka",
        "geslo",
        "parool",
        "parole",
        "slaptažodis",
        "пароль",
        "Пароль",
        "парола",
        "Парола",
        "лозинка",
        "κωδικός",
        "Κωδικός",
        "סיסמה",
        "סיסמא",
        "كلمة المرور",
        "كلمة السر",
        "パスワード",
        "密码",
        "密碼",
        "口令",
        "비밀번호",
        "암호",
        "mật khẩu",
        "mat khau",
        "kata sandi",
        "รหัสผ่าน",
        "पासवर्ड",
        "passordet",
        "lösenordet",
        "adgangskoden",
        "kodeord",
        "kodeordet",
        "salasanani",
        "heslem",
        "hasła",
        "hasłem",
        "jelszava",
        "şifrem",
        "şifreniz",
        "parolam",
        "пароля",
        "паролем",
        "ססמה",
        "sandi",
        "mật mã",
        "wagwoord",
        "nenosiri",
        "salasõna",
    ],
    loose: false,
    accept,
};

/// What stands in a schema or a form where a password would.
const WORDS: [&[u8]; 12] = [
    b"string",
    b"required",
    b"optional",
    b"password",
    b"secret",
    b"null",
    b"none",
    b"true",
    b"false",
    b"undefined",
    b"hidden",
    b"text",
];

fn accept(text: &[u8], bond: Bond) -> Option<usize> {
    let value = if bond == Bond::Key { text } else { unquoted(text) };
    let lower = value.to_ascii_lowercase();
    let meant = match bond {
        Bond::Key | Bond::Assigned => value.len() >= 4 && !is_sentence(value),
        Bond::Said => value.len() >= 6 && is_mixed(value),
    };
    let fits = meant && !WORDS.contains(&lower.as_slice()) && !is_number(value);
    (fits && !(bond != Bond::Key && is_code(value))).then_some(value.len())
}

/// A password has any sign; what ends one is a space or a quote, or a sign behind which the text goes on in its own way.
fn unquoted(text: &[u8]) -> &[u8] {
    let end = run(text, 0, text.len(), |byte| byte > b' ' && !b"\"'`<".contains(&byte));
    let word = &text[..end];
    let names = |rest: &[u8]| {
        let name =
            rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte)).count();
        rest.is_empty() || (name > 0 && matches!(rest.get(name), Some(b'=' | b':')))
    };
    let parts = memchr::memchr3_iter(b'&', b';', b',', word);
    let whole = parts.take(MOST_SIGNS).find(|at| names(&text[at + 1..end])).map_or(word, |at| &word[..at]);
    let closes = |byte: u8| match byte {
        b')' => !whole.contains(&b'('),
        b']' => !whole.contains(&b'['),
        b'}' => !whole.contains(&b'{'),
        byte => b".,;:>|".contains(&byte),
    };
    let stops = whole.iter().rev().take(MOST_SIGNS).take_while(|byte| closes(**byte)).count();
    &whole[..whole.len() - stops]
}

/// Signs within a password that may be the end of one: a text of a million is none.
const MOST_SIGNS: usize = 16;

/// `request.form[`, `getpass(`, `Password::new`, `MAX_PASSWORD_AGE`: names, and what is done with them.
fn is_code(value: &[u8]) -> bool {
    let name = value.iter().take_while(|byte| byte.is_ascii_alphabetic() || b"_.:".contains(byte)).count();
    let called = name > 2 && matches!(value.get(name), Some(b'[' | b'('));
    called || memchr::memmem::find(value, b"::").is_some() || is_constant(value)
}

/// Words of the usual length, more than a passphrase has.
fn is_sentence(value: &[u8]) -> bool {
    let spaces = value.iter().filter(|byte| **byte == b' ').count();
    spaces > 3 && spaces * 16 > value.len()
}

fn is_number(value: &[u8]) -> bool {
    value.len() < 6 && value.iter().all(u8::is_ascii_digit)
}

/// Nobody writes like that but for a password: digits among letters, signs within, or groups of one length.
fn is_mixed(value: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| value.iter().any(kind);
    let letters = has(u8::is_ascii_alphabetic);
    let inner = &value[..value.len() - 1];
    let signs = inner.iter().any(|byte| b"!@#$%^&*?=+~".contains(byte));
    letters && !is_constant(value) && (has(u8::is_ascii_digit) || signs || is_grouped(value))
}

/// `WIN32_ERROR`.
fn is_constant(value: &[u8]) -> bool {
    value.contains(&b'_')
        && value.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}

/// `abcd-efgh-ijkl-mnop`.
fn is_grouped(value: &[u8]) -> bool {
    let mut groups = value.split(|byte| *byte == b'-').map(<[u8]>::len);
    let first = groups.next();
    let alike = groups.by_ref().filter(|length| Some(*length) == first).count();
    first.is_some_and(|length| length >= 4)
        && alike >= 2
        && value.split(|byte| *byte == b'-').count() == alike + 1
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_the_value_beside_the_word() {
        found("DB_PASSWORD=hunter2!x", "PASSWORD", &["hunter2!x"]);
        found("password: Dragon4773!", "PASSWORD", &["Dragon4773!"]);
        found("the password is jtyc-cgcq-xnin-ocvf", "PASSWORD", &["jtyc-cgcq-xnin-ocvf"]);
        found("mot de passe : Sesame-42x", "PASSWORD", &["Sesame-42x"]);
        found(r#"{"userPassword": "correct horse"}"#, "PASSWORD", &["correct horse"]);
        found(r#"curl -d '{"password": "sesame"}'"#, "PASSWORD", &["sesame"]);
        found("user: root pass: Pa55_Lamp39@IM ok", "PASSWORD", &["Pa55_Lamp39@IM"]);
        found("логин root пароль vt6M!%+%gS+T63", "PASSWORD", &["vt6M!%+%gS+T63"]);
        found("credentials: ada:6U!BRBNsmX39yE", "PASSWORD", &["6U!BRBNsmX39yE"]);
        found("sshpass -p Sommer34# ssh a", "PASSWORD", &["Sommer34#"]);
        found("docker login -u bot -p f2Lw72gKNcv9 r.io", "PASSWORD", &["f2Lw72gKNcv9"]);
        found("mysql -uroot -pnKhj3HdErfez db", "PASSWORD", &["nKhj3HdErfez"]);
        found("curl -s -u ada:Xm6dmM4HX https://x.io", "PASSWORD", &["Xm6dmM4HX"]);
        found("Server=a;Password=x1y2;Database=b", "PASSWORD", &["x1y2"]);
        found("| passwd | Sunshine2723! |", "PASSWORD", &["Sunshine2723!"]);
    }

    #[test]
    fn finds_what_stands_in_quotes_as_a_whole() {
        found(
            "password=\"correct horse, battery; staple\" ok",
            "PASSWORD",
            &["correct horse, battery; staple"],
        );
        found("pwd = 'a (b) c' or 'd'", "PASSWORD", &["a (b) c"]);
        found("passwd=\"it's Tr33ring\"", "PASSWORD", &["it's Tr33ring"]);
        found("password=\"hunter2! and no end\n\"", "PASSWORD", &["hunter2!"]);
    }

    #[test]
    fn finds_the_whole_of_a_long_value() {
        for length in [300, 511, 512, 513, 100_000] {
            let value: String = "Tr33ring!é".chars().cycle().take(length).collect();
            found(&format!("DB_PASSWORD={value} ok"), "PASSWORD", &[&value]);
            found(&format!("password: \"{value}\", ok"), "PASSWORD", &[&value]);
            found(&format!("the password is {value}."), "PASSWORD", &[&value]);
            found(
                &format!("{{\"password\": \"{value} {value}\"}}"),
                "PASSWORD",
                &[&format!("{value} {value}")],
            );
            let plain = "aB3d".repeat(length);
            found(&format!("password={plain}"), "PASSWORD", &[&plain]);
        }
        let labels = "password=".repeat(200);
        found(
            &format!("{labels}hunter2 ok"),
            "PASSWORD",
            &[&format!("{}hunter2", &labels["password=".len()..])],
        );
    }

    #[test]
    fn leaves_talk_about_passwords() {
        for text in [
            "the password reset page",
            "password: required",
            "the password is case-sensitive",
            "password_policy: strict",
            "password=$PASSWORD",
            "password: \"${DB_PASSWORD}\"",
            r#"{"password": "string"}"#,
            r#"{"password": {"type": "string"}}"#,
            r#"{"password": true, "passwords": 12}"#,
            "let password = url.password()",
            "const WRONG_PASSWORD: WIN32_ERROR = 1323",
            "enter your password: ",
            "password=********",
        ] {
            nothing(text);
        }
    }
}
