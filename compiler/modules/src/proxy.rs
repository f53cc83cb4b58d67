//! The GOPROXY protocol: the list of proxies, and fetching from the first that answers.
//!
//! Source: the Go modules reference, "GOPROXY protocol". After a comma, the next entry is
//! tried when the answer is 404 or 410; after a pipe, after any error.

use crate::env::Env;
use crate::error::{Error, ErrorKind, Result, io_text};
use crate::module_path::escape;
use base64::Engine;
use source::system::{HttpRequest, System};
use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

/// Largest list, info or go.mod answer that is accepted, in bytes.
pub const MAX_SMALL: u64 = 16 << 20;

/// Where modules come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A proxy: `http(s)://` or `file://` URL without a trailing slash.
    Url(String),
    /// `direct`: version control systems.
    Direct,
    /// `off`.
    Off,
}

/// One entry of GOPROXY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub source: Source,
    /// Followed by `|`: any error goes on to the next entry.
    pub fall_through_on_error: bool,
}

/// Parses GOPROXY.
pub fn parse_list(goproxy: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut rest = goproxy;
    while !rest.is_empty() {
        let end = rest.find([',', '|']).unwrap_or(rest.len());
        let fall_through_on_error = rest[end..].starts_with('|');
        let word = rest[..end].trim();
        rest = rest.get(end + 1..).unwrap_or("");
        let source = match word {
            "" => continue,
            "off" => Source::Off,
            "direct" => Source::Direct,
            "noproxy" => continue,
            _ => {
                let good = ["https://", "http://", "file:///"]
                    .iter()
                    .any(|scheme| word.starts_with(scheme));
                if !good && word.contains("://") {
                    return Err(Error::new(format!(
                        "invalid proxy URL scheme (must be https, http, file): {word}"
                    )));
                }
                let url = if good {
                    word.to_string()
                } else {
                    format!("https://{word}")
                };
                Source::Url(url.trim_end_matches('/').to_string())
            }
        };
        let stop = matches!(source, Source::Off | Source::Direct);
        entries.push(Entry {
            source,
            fall_through_on_error,
        });
        if stop {
            break;
        }
    }
    if entries.is_empty() {
        return Err(Error::new(
            "GOPROXY list is not the empty string, but contains no entries",
        ));
    }
    Ok(entries)
}

/// A body to be read, with its length if the server told it.
pub struct Body {
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
    /// `Content-Length`.
    pub length: Option<u64>,
    /// Where it comes from, for messages.
    pub url: String,
}

/// Fetches from the configured proxies.
pub struct ProxyClient {
    env: Env,
    entries: Vec<Entry>,
    /// Where the checksum database is reached, found out at the first request.
    sumdb_root: OnceLock<Result<String>>,
}

/// Takes `user:password@` out of a URL: the clean URL, the credentials, and the URL for messages.
fn split_credentials(url: &str) -> (String, Option<String>, String) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url.to_string(), None, url.to_string());
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    let Some((user, _)) = authority.rsplit_once('@') else {
        return (url.to_string(), None, url.to_string());
    };
    let clean = &rest[user.len() + 1..];
    let name = user.split(':').next().unwrap_or(user);
    (
        format!("{scheme}://{clean}"),
        Some(percent_decode(user)),
        format!("{scheme}://{name}:xxxxx@{clean}"),
    )
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match (
            bytes[at],
            hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Escapes what may not appear in a URL path; `/` and `!` stay.
fn path_escape(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The words of a status line.
fn status_text(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

/// Credentials for a host from `~/.netrc` (`GOAUTH=netrc`, the default).
fn netrc_credentials(env: &Env, host: &str) -> Option<String> {
    if env.get("GOAUTH") != "netrc" {
        return None;
    }
    let path = match env.system.env_var("NETRC") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env.system.env_var("HOME")?).join(".netrc"),
    };
    let text = String::from_utf8_lossy(&env.system.read(&path).ok()?).into_owned();
    let (mut machine, mut login) = ("", "");
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "default" => return None,
            "machine" => (machine, login) = (words.next()?, ""),
            "login" => login = words.next()?,
            "password" => {
                let password = words.next()?;
                if machine == host {
                    return Some(format!("{login}:{password}"));
                }
            }
            _ => {}
        }
    }
    None
}

/// One GET of an absolute URL (`file://` included). 404 and 410 are [`ErrorKind::NotFound`].
pub fn get_url(env: &Env, url: &str, insecure: bool) -> Result<Body> {
    let (clean, credentials, shown) = split_credentials(url);
    if let Some(path) = clean.strip_prefix("file://") {
        let path = PathBuf::from(percent_decode(path));
        let failed = |error: std::io::Error| Error {
            text: format!("reading {shown}: {}", io_text(&error)),
            kind: match error.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Other,
            },
        };
        let stat = env.system.stat(&path).map_err(failed)?;
        let reader = env.system.open(&path).map_err(failed)?;
        return Ok(Body {
            reader: Box::new(reader),
            length: Some(stat.size),
            url: shown,
        });
    }
    let host = clean
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split(['/', ':']).next())
        .unwrap_or("");
    let credentials = credentials.or_else(|| netrc_credentials(env, host));
    let mut request = HttpRequest::get(clean);
    request.insecure = insecure;
    request.idle_timeout = Duration::from_secs(30);
    request.authorization = credentials.map(|pair| {
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair.as_bytes())
        )
    });
    let response = env.system.http_get(&request).map_err(|error| {
        Error::new(format!(
            "Get {}: {error}",
            crate::module_path::quote(&shown)
        ))
    })?;
    if response.status == 200 {
        return Ok(Body {
            reader: response.body,
            length: response.content_length,
            url: shown,
        });
    }
    let mut body = Vec::new();
    let read = response.body.take(8 << 10).read_to_end(&mut body);
    let detail = match read {
        Ok(_) => server_words(&String::from_utf8_lossy(&body)),
        Err(_) => String::new(),
    };
    let text = format!(
        "reading {shown}: {} {}{detail}",
        response.status,
        status_text(response.status)
    );
    let kind = if matches!(response.status, 404 | 410) {
        ErrorKind::NotFound
    } else {
        ErrorKind::Other
    };
    Err(Error { text, kind })
}

/// What a server says about a failure: its text up to the first empty line, if it is text. Long words are cut.
fn server_words(body: &str) -> String {
    const MAX_LINES: usize = 8;
    const MAX_CHARS: usize = MAX_LINES * 80;
    let text = body.trim_end().replace("\r\n", "\n");
    let text = text.split("\n\n").next().unwrap_or_default();
    let printable = !text.is_empty()
        && !text.starts_with('<')
        && text.chars().all(|c| !c.is_control() || c == '\n');
    if !printable {
        return String::new();
    }
    let mut lines = Vec::new();
    let mut chars = 0;
    for line in text.lines() {
        if lines.len() == MAX_LINES {
            lines.push("[Truncated: too many lines.]");
            break;
        }
        chars += line.chars().count() + 1;
        if chars > MAX_CHARS {
            lines.push("[Truncated: too long.]");
            break;
        }
        lines.push(line);
    }
    match lines.as_slice() {
        [line] => format!("\n\tserver response: {line}"),
        _ => format!("\n\tserver response:\n\t{}", lines.join("\n\t")),
    }
}

/// The error of reading an answer; one that was cut short in Go's words.
pub fn read_error(url: &str, error: &std::io::Error) -> Error {
    let text = io_text(error);
    let text = match text.as_str() {
        "peer disconnected" => "unexpected EOF",
        text => text,
    };
    Error::new(format!("reading {url}: {text}"))
}

/// Reads a small answer completely; an answer cut short is an error.
pub fn read_small(mut body: Body) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut limited = (&mut body.reader).take(MAX_SMALL + 1);
    limited
        .read_to_end(&mut bytes)
        .map_err(|error| read_error(&body.url, &error))?;
    if bytes.len() as u64 > MAX_SMALL {
        return Err(Error::new(format!(
            "reading {}: answer is larger than {MAX_SMALL} bytes",
            body.url
        )));
    }
    match body.length {
        Some(length) if length != bytes.len() as u64 => Err(Error::new(format!(
            "reading {}: unexpected EOF ({} of {length} bytes)",
            body.url,
            bytes.len()
        ))),
        _ => Ok(bytes),
    }
}

impl ProxyClient {
    /// Reads GOPROXY; fetches nothing.
    pub fn new(env: &Env) -> Result<ProxyClient> {
        Ok(ProxyClient {
            env: env.clone(),
            entries: parse_list(&env.get("GOPROXY"))?,
            sumdb_root: OnceLock::new(),
        })
    }

    /// The machine.
    pub fn system(&self) -> &dyn System {
        &*self.env.system
    }

    fn entries_for(&self, module_path: &str) -> Vec<Entry> {
        if self.env.is_no_proxy(module_path)
            && !matches!(
                self.entries.first(),
                Some(Entry {
                    source: Source::Off,
                    ..
                })
            )
        {
            return vec![Entry {
                source: Source::Direct,
                fall_through_on_error: false,
            }];
        }
        self.entries.clone()
    }

    /// Runs `attempt` for one proxy after the other as GOPROXY's separators say, and returns the most
    /// useful error if none succeeds: a real failure rather than "not found".
    pub fn try_proxies<T>(
        &self,
        module_path: &str,
        attempt: impl Fn(&str) -> Result<T>,
    ) -> Result<T> {
        let mut best: Option<Error> = None;
        for entry in self.entries_for(module_path) {
            let error = match &entry.source {
                Source::Off => Error::new("module lookup disabled by GOPROXY=off"),
                Source::Direct => Error::new(format!(
                    "{module_path}: fetching directly from version control (GOPROXY=direct, GOPRIVATE, GONOPROXY) is not supported; use a module proxy"
                )),
                Source::Url(url) => match attempt(url) {
                    Ok(value) => return Ok(value),
                    Err(error) => error,
                },
            };
            let go_on = entry.fall_through_on_error || error.is_not_found();
            let is_direct = entry.source == Source::Direct;
            // The last word on "not found" is told; that direct mode does not exist says less.
            if best
                .as_ref()
                .is_none_or(|best| best.is_not_found() && !is_direct)
            {
                best = Some(error);
            }
            if !go_on || error_is_final(best.as_ref()) {
                break;
            }
        }
        Err(best.unwrap_or_else(|| Error::new("GOPROXY list contains no entries")))
    }

    /// `GET <proxy>/<module>/<suffix>` from the first proxy that has it.
    pub fn get(&self, module_path: &str, suffix: &str) -> Result<Body> {
        let insecure = self.env.is_insecure(module_path);
        let tail = path_escape(&format!("{}/{suffix}", escape(module_path)));
        self.try_proxies(module_path, |proxy| {
            get_url(&self.env, &format!("{proxy}/{tail}"), insecure)
        })
    }

    /// A small file.
    pub fn get_small(&self, module_path: &str, suffix: &str) -> Result<Vec<u8>> {
        let insecure = self.env.is_insecure(module_path);
        let tail = path_escape(&format!("{}/{suffix}", escape(module_path)));
        self.try_proxies(module_path, |proxy| {
            read_small(get_url(&self.env, &format!("{proxy}/{tail}"), insecure)?)
        })
    }

    /// A path of the checksum database: through a proxy that supports it, else directly.
    /// `base` is the database's own URL.
    pub fn get_sumdb(&self, name: &str, base: &str, path: &str) -> Result<Vec<u8>> {
        let root = self
            .sumdb_root
            .get_or_init(|| self.find_sumdb_root(name, base));
        let root = root.as_ref().map_err(Clone::clone)?;
        read_small(get_url(
            &self.env,
            &format!("{root}{}", path_escape(path)),
            false,
        )?)
    }

    /// The first proxy that says it carries the database, else the database's own URL.
    fn find_sumdb_root(&self, name: &str, base: &str) -> Result<String> {
        for entry in &self.entries {
            let Source::Url(proxy) = &entry.source else {
                break;
            };
            if proxy.starts_with("file://") {
                continue;
            }
            match get_url(&self.env, &format!("{proxy}/sumdb/{name}/supported"), false) {
                Ok(_) => return Ok(format!("{proxy}/sumdb/{name}")),
                Err(error) if error.is_not_found() || entry.fall_through_on_error => {}
                Err(error) => return Err(error),
            }
        }
        Ok(base.to_string())
    }
}

fn error_is_final(error: Option<&Error>) -> bool {
    error.is_some_and(|error| error.kind == ErrorKind::Security)
}

/// A body for tests and files.
pub fn body_of(bytes: Vec<u8>, url: &str) -> Body {
    Body {
        length: Some(bytes.len() as u64),
        reader: Box::new(Cursor::new(bytes)),
        url: url.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use source::system::{HttpError, MemSystem};
    use std::sync::Arc;

    fn client(goproxy: &str, noproxy: &str) -> ProxyClient {
        let system = MemSystem::new();
        system.set_env("GOPROXY", goproxy);
        system.set_env("GONOPROXY", noproxy);
        system.add_file("/files/m.com/x/@v/list", "v0.1.0\n");
        system.set_http(|request| {
            let host = request.url.split('/').nth(2).unwrap_or("");
            match host {
                "good" => Ok((200, b"v1.0.0\n".to_vec())),
                "gone" => Ok((410, b"not here: gone".to_vec())),
                "none" => Ok((404, Vec::new())),
                "broken" => Ok((500, b"<html>".to_vec())),
                "auth" => Ok((
                    if request.authorization.as_deref() == Some("Basic dTpw") {
                        200
                    } else {
                        401
                    },
                    b"v1.1.0".to_vec(),
                )),
                "slow" => Err(HttpError::Timeout("timeout".to_string())),
                _ => Err(HttpError::Connect("no such host".to_string())),
            }
        });
        ProxyClient::new(&Env::load(Arc::new(system)).unwrap()).unwrap()
    }

    fn check(goproxy: &str, want: &str) {
        let got = match client(goproxy, "").get_small("m.com/x", "@v/list") {
            Ok(bytes) => String::from_utf8(bytes).unwrap(),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, want, "{goproxy}");
    }

    #[test]
    fn separators() {
        check("https://good", "v1.0.0\n");
        check("https://gone,https://good", "v1.0.0\n");
        check("https://none,https://good", "v1.0.0\n");
        check(
            "https://broken,https://good",
            "go: reading https://broken/m.com/x/@v/list: 500 Internal Server Error",
        );
        check("https://broken|https://good", "v1.0.0\n");
        check("https://slow|https://good", "v1.0.0\n");
        check(
            "https://slow,https://good",
            "go: Get \"https://slow/m.com/x/@v/list\": timeout",
        );
        check(
            "https://unknown",
            "go: Get \"https://unknown/m.com/x/@v/list\": no such host",
        );
        check("off", "go: module lookup disabled by GOPROXY=off");
        check(
            "https://none,off",
            "go: module lookup disabled by GOPROXY=off",
        );
        check(
            "https://gone,direct",
            "go: reading https://gone/m.com/x/@v/list: 410 Gone\n\tserver response: not here: gone",
        );
        check("file:///files", "v0.1.0\n");
        check("https://u:p@auth", "v1.1.0");
        check(
            "https://u:wrong@auth",
            "go: reading https://u:xxxxx@auth/m.com/x/@v/list: 401 Unauthorized\n\tserver response: v1.1.0",
        );
    }

    #[test]
    fn direct_is_refused_by_name() {
        let error = client("https://good", "m.com")
            .get_small("m.com/x", "@v/list")
            .unwrap_err();
        assert!(error.text.contains("not supported"), "{error}");
    }

    #[test]
    fn lists_are_checked() {
        assert!(parse_list(",").is_err());
        assert!(parse_list("ftp://x").is_err());
        assert_eq!(
            parse_list("proxy.example/x/").unwrap()[0].source,
            Source::Url("https://proxy.example/x".to_string())
        );
    }

    #[test]
    fn words_of_servers() {
        let check = |body: &str, want: &str| assert_eq!(server_words(body), want, "{body:?}");
        check("", "");
        check("<html>", "");
        check("a\x1b[31mred", "");
        check("gone\r\n", "\n\tserver response: gone");
        check("a\nb\n", "\n\tserver response:\n\ta\n\tb");
        check("a\n\nb\n", "\n\tserver response: a");
        check(
            &"x".repeat(5000),
            "\n\tserver response: [Truncated: too long.]",
        );
        let many = server_words(&"line\n".repeat(30));
        assert_eq!(many.matches("\tline").count(), 8);
        assert!(many.ends_with("\n\t[Truncated: too many lines.]"));
    }

    #[test]
    fn a_short_body_is_an_error() {
        let mut body = body_of(b"abc".to_vec(), "https://x");
        body.length = Some(10);
        assert_eq!(
            read_small(body).unwrap_err().text,
            "reading https://x: unexpected EOF (3 of 10 bytes)"
        );
    }
}
