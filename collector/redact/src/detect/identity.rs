//! What papers say of a person: day of birth, passport, national and tax numbers. They need their label.

use super::bytes::{is_alphanumeric, is_digit, run, starts};
use super::label::Bond;
use super::{Detector, Label, Trigger};

pub(super) const DATE_OF_BIRTH: Detector = Detector {
    rule: "DATE_OF_BIRTH",
    reason: "with a name it is who somebody is",
    triggers: &[Trigger::Label(&Label {
        words: &[
            "date of birth",
            "date_of_birth",
            "dateofbirth",
            "date-of-birth",
            "birth date",
            "birth_date",
            "birthdate",
            "birthday",
            "dob",
            "born on",
            "geburtsdatum",
            "geboren am",
            "date de naissance",
            "fecha de nacimiento",
            "data di nascita",
            "data de nascimento",
            "geboortedatum",
            "d.o.b.",
            "fecha nacimiento",
            "data nascimento",
            "né(e) le",
            "født",
            "född",
            "syntynyt",
            "urodzony",
            "urodzona",
            "ur.",
            "nar.",
            "narozen",
            "született",
            "д.р.",
            "дата рожд",
            "родился",
            "родилась",
            "Дата рождения",
            "Дата народження",
            "народився",
            "народилася",
            "γεννήθηκε",
            "doğum",
            "出生于",
            "出生年月",
            "出生年月日",
            "lahir",
            "sinh ngày",
            "date_birth",
            "birth",
            "bday",
            "born",
            "geboren",
            "geb.",
            "né le",
            "née le",
            "nacido el",
            "nacida el",
            "nato il",
            "nata il",
            "nascido em",
            "nascida em",
            "födelsedatum",
            "fødselsdato",
            "fødselsdag",
            "syntymäaika",
            "data urodzenia",
            "datum narození",
            "dátum narodenia",
            "születési dátum",
            "születési idő",
            "data nașterii",
            "datum rođenja",
            "doğum tarihi",
            "дата рождения",
            "дата народження",
            "дата на раждане",
            "ημερομηνία γέννησης",
            "tanggal lahir",
            "ngày sinh",
            "生年月日",
            "出生日期",
            "생년월일",
            "תאריך לידה",
            "تاريخ الميلاد",
            "जन्म तिथि",
            "วันเกิด",
        ],
        loose: true,
        accept: accept_date,
    })],
};

pub(super) const PASSPORT: Detector = Detector {
    rule: "PASSPORT",
    reason: "it proves an identity and crosses borders",
    triggers: &[Trigger::Label(&Label {
        words: &[
            "passport number",
            "passport_number",
            "passport-number",
            "passportnumber",
            "passport no",
            "passport_no",
            "passport",
            "reisepass",
            "reisepassnummer",
            "pasaporte",
            "passeport",
            "passaporto",
            "passaporte",
            "passport nr",
            "passport id",
            "pass nr",
            "pass no",
            "reisepass nr",
            "nr paszportu",
            "pasaport no",
            "pasaport numarası",
            "passaporto n.",
            "passaporto n",
            "nº de pasaporte",
            "n° passeport",
            "no passeport",
            "Паспорт",
            "серия и номер паспорта",
            "номер паспорту",
            "διαβατήριο",
            "דרכון",
            "पासपोर्ट",
            "หนังสือเดินทาง",
            "hộ chiếu",
            "nomor paspor",
            "paspor",
            "passi",
            "passnumber",
            "driver's licence number",
            "licence no",
            "prawo jazdy nr",
            "ajokortti",
            "kørekort",
            "førerkort",
            "řidičský průkaz",
            "vezetői engedély",
            "ehliyet no",
            "водительское удостоверение",
            "驾驶证号",
            "運転免許証",
            "reisepass-nr",
            "reisepassnr",
            "passnummer",
            "numéro de passeport",
            "número de pasaporte",
            "numero di passaporto",
            "número do passaporte",
            "paspoort",
            "paspoortnummer",
            "pasnummer",
            "passnr",
            "paszport",
            "numer paszportu",
            "číslo pasu",
            "útlevélszám",
            "pasaport",
            "passin numero",
            "паспорт",
            "номер паспорта",
            "護照",
            "护照",
            "护照号",
            "护照号码",
            "旅券番号",
            "パスポート番号",
            "여권번호",
            "driver's license",
            "driver license",
            "drivers license",
            "driver_license",
            "driver's licence",
            "driving licence",
            "driving_licence",
            "driving license",
            "führerschein",
            "führerscheinnummer",
            "permis de conduire",
            "licencia de conducir",
            "permiso de conducir",
            "patente di guida",
            "carta de condução",
            "rijbewijs",
            "rijbewijsnummer",
            "prawo jazdy",
            "körkort",
        ],
        loose: true,
        accept: accept_passport,
    })],
};

pub(super) const NATIONAL_ID: Detector = Detector {
    rule: "NATIONAL_ID",
    reason: "a state knows a person by it for life",
    triggers: &[Trigger::Label(&Label {
        words: &[
            "national id number is",
            "national id number",
            "national id",
            "national_id",
            "nationalid",
            "national-id",
            "national insurance number",
            "tax id",
            "tax_id",
            "tax-id",
            "taxid",
            "tax number",
            "tax_number",
            "steuer-id",
            "steuer_id",
            "steuernummer",
            "codice fiscale",
            "codice_fiscale",
            "cpf",
            "nino",
            "dni",
            "nif",
            "curp",
            "personalausweis",
            "social security number",
            "social_security_number",
            "ssn",
            "social insurance number",
            "document number",
            "personal id",
            "personal number",
            "id no",
            "tax no",
            "vat number",
            "ИНН",
            "СНИЛС",
            "РНОКПП",
            "ІПН",
            "ΑΜΚΑ",
            "ΑΦΜ",
            "tc kimlik numaram",
            "tc kimlik numarası",
            "kimlik numarası",
            "tc no",
            "social security no",
            "social security",
            "socialsecuritynumber",
            "numer pesel",
            "personal code",
            "henkilötunnukseni",
            "cpr nummer",
            "fnr",
            "mã số thuế",
            "số cmnd",
            "emirates id",
            "national insurance no",
            "steuernr",
            "steuer-nr",
            "ssn number",
            "social_insurance_number",
            "itin",
            "employer identification number",
            "taxpayer id",
            "taxpayer_id",
            "taxpayer identification number",
            "identity number",
            "identity_number",
            "id number",
            "id_number",
            "citizen id",
            "citizen_id",
            "government id",
            "government_id",
            "nhs number",
            "nhs_number",
            "nhs no",
            "ni number",
            "ni_number",
            "medicare number",
            "medicare_number",
            "tfn",
            "tax file number",
            "ird number",
            "pps number",
            "ppsn",
            "steueridentifikationsnummer",
            "steuer-identifikationsnummer",
            "steuerid",
            "idnr",
            "sozialversicherungsnummer",
            "rentenversicherungsnummer",
            "krankenversichertennummer",
            "svnr",
            "sv-nummer",
            "ahv-nummer",
            "ahv",
            "ausweisnummer",
            "personalausweisnummer",
            "numéro de sécurité sociale",
            "numero de securite sociale",
            "sécurité sociale",
            "numéro fiscal",
            "numero_fiscal",
            "nuss",
            "número de identificación",
            "cédula",
            "cedula",
            "documento de identidad",
            "rut",
            "rfc",
            "cuit",
            "cuil",
            "cnpj",
            "número de contribuinte",
            "cartão de cidadão",
            "cartao de cidadao",
            "carta d'identità",
            "partita iva",
            "bsn",
            "burgerservicenummer",
            "sofinummer",
            "rijksregisternummer",
            "numéro national",
            "rodné číslo",
            "rodne cislo",
            "pesel",
            "nip",
            "dowód osobisty",
            "numer dowodu",
            "személyi szám",
            "adóazonosító",
            "taj szám",
            "cnp",
            "oib",
            "emšo",
            "jmbg",
            "egn",
            "егн",
            "isikukood",
            "asmens kodas",
            "personas kods",
            "personnummer",
            "personnr",
            "fødselsnummer",
            "fodselsnummer",
            "cpr-nummer",
            "cpr-nr",
            "cpr",
            "henkilötunnus",
            "hetu",
            "kennitala",
            "αφμ",
            "αμκα",
            "afm",
            "amka",
            "tc kimlik no",
            "tc kimlik",
            "tckn",
            "kimlik no",
            "t.c. kimlik no",
            "снилс",
            "инн",
            "рнокпп",
            "ипн",
            "teudat zehut",
            "תעודת זהות",
            "ת.ז",
            "رقم الهوية",
            "aadhaar",
            "aadhar",
            "आधार",
            "pan card",
            "pan number",
            "nik",
            "nomor ktp",
            "ktp",
            "cccd",
            "cmnd",
            "nric",
            "mykad",
            "hkid",
            "身份证",
            "身份证号",
            "身份证号码",
            "身分證",
            "身分證字號",
            "マイナンバー",
            "my number",
            "個人番号",
            "주민등록번호",
            "เลขบัตรประชาชน",
        ],
        loose: true,
        accept: accept_national,
    })],
};

/// `1988-02-28`, `01/10/2003`, `8.2.58`, `22 Nov 1995`, `Nov 22, 1995`.
fn accept_date(text: &[u8], _: Bond) -> Option<usize> {
    let all = run(text, 0, 9, |byte| byte.is_ascii_digit());
    if all == 8
        && (text.starts_with(b"19") || text.starts_with(b"20"))
        && !is_alphanumeric(text.get(8).copied())
    {
        return Some(8);
    }
    let end = run(text, 0, 4, |byte| byte.is_ascii_digit());
    let end = match text.get(end) {
        Some(&separator @ (b'-' | b'/' | b'.')) if end > 0 => {
            let named = || spelled(text, run(text, end, 2, |byte| b" .-".contains(&byte)), false);
            numeric(text, end, separator).or_else(named)?
        }
        Some(b's' | b'n' | b'r' | b't') if (1..=2).contains(&end) => {
            let of = run(text, end + 2, 1, |byte| byte == b' ');
            spelled(text, if starts(text, of, b"of ") { of + 3 } else { of }, false)?
        }
        Some(b' ' | b'.') if (1..=2).contains(&end) => {
            let named = spelled(text, run(text, end, 2, |byte| b" .".contains(&byte)), false);
            named.or_else(|| (text[end] == b' ').then(|| numeric(text, end, b' ')).flatten())?
        }
        Some(0xe5 | 0xeb..=0xed) if end == 4 => ideographic(text, end)?,
        None | Some(_) if end == 0 => spelled(text, 0, true)?,
        _ => return None,
    };
    let is_moment = text.get(end) == Some(&b'T') && is_digit(text.get(end + 1).copied());
    (is_moment || !is_alphanumeric(text.get(end).copied())).then_some(end)
}

/// `1990年5月3日`, `1990년 5월 3일`: signs of three bytes between the numbers.
fn ideographic(text: &[u8], year: usize) -> Option<usize> {
    let part = |from: usize| {
        let start = run(text, from + 3, 1, |byte| byte == b' ');
        let end = run(text, start, 2, |byte| byte.is_ascii_digit());
        (end > start && text.get(end).is_some_and(|byte| *byte >= 0xe3)).then_some(end)
    };
    part(year).and_then(part).map(|day| day + 3)
}

fn numeric(text: &[u8], first: usize, separator: u8) -> Option<usize> {
    let second = run(text, first + 1, 2, |byte| byte.is_ascii_digit());
    let third = run(text, second + 1, 4, |byte| byte.is_ascii_digit());
    let full = second > first + 1 && text.get(second) == Some(&separator) && third >= second + 3;
    full.then_some(third)
}

/// A month by its name, and the year; the day between them in the American order. `3 de mayo de 1990` has words between.
fn spelled(text: &[u8], start: usize, day_follows: bool) -> Option<usize> {
    let start = if starts(text, start, b"de ") { start + 3 } else { start };
    let name = run(text, start, 28, |byte| byte.is_ascii_alphabetic() || byte >= 0x80);
    let gap = run(text, name, 2, |byte| b" .".contains(&byte));
    let gap = if starts(text, gap, b"de ") { gap + 3 } else { gap };
    let day = if day_follows { run(text, gap, 2, |byte| byte.is_ascii_digit()) } else { gap };
    let ordinal = day > gap && [&b"st"[..], b"nd", b"rd", b"th"].iter().any(|end| starts(text, day, end));
    let day = if ordinal { day + 2 } else { day };
    let comma = if day_follows { run(text, day, 2, |byte| b", ".contains(&byte)) } else { gap };
    let year = run(text, comma, 4, |byte| byte.is_ascii_digit());
    let full =
        name >= start + 3 && gap > name && (!day_follows || (day > gap && comma > day)) && year == comma + 4;
    full.then_some(year)
}

fn accept_passport(text: &[u8], _: Bond) -> Option<usize> {
    let end = run(text, 0, 20, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let mut end = end;
    while text.get(end) == Some(&b' ') && end <= 5 && is_digit(text.get(end + 1).copied()) {
        end = run(text, end + 1, 9, |byte| byte.is_ascii_digit());
    }
    let digits = text[..end].iter().filter(|byte| byte.is_ascii_digit()).count();
    let fits = (6..=18).contains(&end) && (digits >= 1 && end >= 7 || digits >= 4);
    let whole = !is_alphanumeric(text.get(end).copied());
    (whole && (fits || (8..=9).contains(&end) && is_no_word(&text[..end]))).then_some(end)
}

/// Words have a vowel for three other letters; a number of nine letters hardly ever has.
fn is_no_word(capitals: &[u8]) -> bool {
    let vowels = capitals.iter().filter(|byte| b"AEIOU".contains(byte)).count();
    vowels * 4 <= capitals.len()
}

/// One run of capitals, digits and signs, or groups with spaces of which each but the last has two digits or more.
fn accept_national(text: &[u8], _: Bond) -> Option<usize> {
    let mut end = group(text, 0);
    let mut places = count(&text[..end]);
    while text.get(end) == Some(&b' ') && places < 15 {
        let next = group(text, end + 1);
        let added = count(&text[end + 1..next]);
        let last_letter = added == 1 && places == 8 && text[end + 1].is_ascii_uppercase();
        let digits = (2..=4).contains(&added) && is_digit(text.get(end + 1).copied());
        if !last_letter && !digits {
            break;
        }
        places += added;
        end = next;
    }
    let digits = text[..end].iter().filter(|byte| byte.is_ascii_digit()).count();
    let whole = !is_alphanumeric(text.get(end).copied());
    (whole && (8..=18).contains(&places) && digits >= 5).then_some(end)
}

fn group(text: &[u8], start: usize) -> usize {
    let end = run(text, start, 20, |byte| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || b".-/".contains(&byte)
    });
    let signs = text[start.min(end)..end].iter().rev().take_while(|byte| b".-/".contains(byte)).count();
    end - signs
}

fn count(text: &[u8]) -> usize {
    text.iter().filter(|byte| byte.is_ascii_alphanumeric()).count()
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_days_of_birth() {
        for day in ["1988-02-28", "01/10/2003", "08.02.1958", "22 Nov 1995", "Nov 22, 1995"] {
            found(&format!("date of birth {day} ok"), "DATE_OF_BIRTH", &[day]);
            found(&format!(r#"{{"dob": "{day}"}}"#), "DATE_OF_BIRTH", &[day]);
        }
    }

    #[test]
    fn finds_passports_and_national_numbers() {
        found("Passport No. HR29PT24F Temperature", "PASSPORT", &["HR29PT24F"]);
        found("PASSPORT_NUMBER=653834934", "PASSPORT", &["653834934"]);
        found("tax ID 289.983.274-30 on the form", "NATIONAL_ID", &["289.983.274-30"]);
        found("my national ID number is HZ 07 21 56 B", "NATIONAL_ID", &["HZ 07 21 56 B"]);
        found("tax ID 85032398691 I will", "NATIONAL_ID", &["85032398691"]);
        found(r#"{"national_id": "BSRSTL66E29I538J"}"#, "NATIONAL_ID", &["BSRSTL66E29I538J"]);
    }

    #[test]
    fn leaves_talk_about_papers() {
        for text in [
            "the passport office",
            "date of birth unknown",
            "tax id missing",
            "PASSPORT RENEWAL",
            "national id card",
            "dob: n/a",
        ] {
            nothing(text);
        }
    }
}
