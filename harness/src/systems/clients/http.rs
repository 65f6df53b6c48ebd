//! Any store that has a REST API: each operation is one request, written as a template, and what
//! its answers mean is said in the workload (docs/reference/clients.md). Whatever is not said is
//! unanswered.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::rc::Rc;

use schism_facts::{ClientRow, OptionRow};
use schism_verify::history::{Event, Field, Value};
use schism_verify::models::Model;
use serde_json::Value as Json;

use super::http1::{Request, Response, exchange};
use super::tcp::{Speaker, Speech, Stream, json, key, not_spoken, pair};
use super::{Answered, ClientProtocol, DEFINITE, Dial, NodeStatus, Refusal, SERVER_ERROR, lines};
use crate::action::NodeId;

const fn operation(name: &'static str) -> OptionRow {
    let about = "the request: METHOD PATH, and perhaps BODY; it may hold {key}, {value} and so on";
    OptionRow { name, about, default: "" }
}

pub const CLIENT: ClientProtocol = ClientProtocol {
    facts: ClientRow {
        name: "http",
        about: "any REST API: each operation is a request of one's own",
        models: &[],
        options: &[
            operation("read"),
            operation("write"),
            operation("cas"),
            operation("get"),
            operation("put"),
            operation("delete"),
            operation("append"),
            operation("append-if"),
            operation("tail"),
            operation("add"),
            operation("remove"),
            operation("contains"),
            operation("enqueue"),
            operation("dequeue"),
            operation("push"),
            operation("pop"),
            operation("acquire"),
            operation("release"),
            operation("propose"),
            operation("status"),
            OptionRow { name: "ok", about: "statuses that mean: done", default: "200-299" },
            OptionRow { name: "null", about: "statuses of a read: nothing is there", default: "" },
            OptionRow {
                name: "fail",
                about: "statuses that mean: not done, and never will be; 409=conflict, 404=absent",
                default: "",
            },
            OptionRow { name: "value", about: "where a value stands in the answer", default: "" },
            OptionRow { name: "offset", about: "where an offset stands", default: "offset" },
            OptionRow { name: "length", about: "where a log's length stands", default: "tail" },
            OptionRow { name: "header", about: "a line of every header", default: "" },
        ],
    },
    make: |making| {
        let (model, dial) = (making.model, Rc::clone(&making.dial));
        Box::new(Speaker::new(model, making.dial, Http { model, dial, options: making.options }))
    },
};

struct Http {
    model: &'static Model,
    dial: Rc<dyn Dial>,
    options: BTreeMap<String, String>,
}

impl Speech for Http {
    const NAME: &'static str = "http";

    async fn ask(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        _: bool,
    ) -> Result<Answered, Refusal> {
        let Some(template) = self.options.get(&*asked.f) else {
            return Err(not_spoken(Self::NAME, &format!("`{}`; say it under `client`", asked.f)));
        };
        let response = self.exchange(stream, template, &holes(asked)).await?;
        self.meaning(asked, &response)
    }

    /// Whatever answers lives; what it says of itself is taken where it is of the line protocol.
    async fn status(&mut self, stream: &mut Stream, _: NodeId) -> Result<NodeStatus, Refusal> {
        let template = self.options.get("status").map_or("GET /", String::as_str);
        let response = self.exchange(stream, template, &[]).await?;
        let body: Json = serde_json::from_slice(&response.body).unwrap_or_default();
        let mut status = lines::status(&body);
        if status.leader.is_none() {
            let leader = body.get("leader").and_then(Json::as_str).and_then(host);
            status.leader = leader.and_then(|host| self.dial.node_at(host));
        }
        Ok(status)
    }
}

impl Http {
    async fn exchange(
        &self,
        stream: &mut Stream,
        template: &str,
        holes: &[(&str, String)],
    ) -> Result<Response, Refusal> {
        let mut parts = template.splitn(3, ' ');
        let (Some(method), Some(path)) = (parts.next(), parts.next()) else {
            let wrong = format!("template `{template}`; write METHOD PATH, and perhaps BODY");
            return Err(not_spoken(Self::NAME, &wrong));
        };
        let path = fill(path, holes, escaped);
        let body = parts.next().map(|body| fill(body, holes, str::to_owned));
        let mut headers = vec![];
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        if let Some((name, value)) = self.options.get("header").and_then(|h| h.split_once(':')) {
            headers.push((name, value.trim()));
        }
        let body = body.as_deref().map(str::as_bytes);
        let request = Request { method, path: &path, host: "schism", headers: &headers, body };
        exchange(stream, &request).await
    }

    /// What is said of this status: null, a definite no, or done; in this order, as the first two
    /// are said by hand.
    fn meaning(&self, asked: &Event, response: &Response) -> Result<Answered, Refusal> {
        let option = |name: &str| self.options.get(name).map_or("", String::as_str);
        let row = self.model.operation(&asked.f).expect("a run asks what its model has");
        let reads = row.answers == [Field::Value];
        if reads && listed(option("null"), response.status) {
            return Ok(vec![(Field::Value, Value::Null)]);
        }
        if let Some(word) = word(option("fail"), response.status) {
            let at = response.location.as_deref().and_then(host);
            let leader = at.and_then(|host| self.dial.node_at(host));
            return Err(Refusal { leader, ..Refusal::certain(word) });
        }
        let done = Some(option("ok")).filter(|ok| !ok.is_empty()).unwrap_or("200-299");
        if !listed(done, response.status) {
            let said = String::from_utf8_lossy(&response.body);
            if is_for_the_workload(response.status) {
                return Err(Refusal::malformed(&format!(
                    "HTTP {0}, of which `client` says nothing: write `fail: {0}=refused` or `null: \
                     {0}`; {1}",
                    response.status,
                    said.trim()
                )));
            }
            let said = format!("{SERVER_ERROR}: HTTP {}: {}", response.status, said.trim());
            return Err(Refusal::unknown(super::quote(said.as_bytes())));
        }
        let fields = row.answers.iter().chain(row.may_answer);
        let fields = fields.filter(|field| row.answers.contains(field) || self.names(**field));
        let mut answered: Answered = Vec::new();
        let mut body = None;
        for &field in fields {
            if body.is_none() {
                body = Some(serde_json::from_slice::<Json>(&response.body).map_err(|_| {
                    let said = String::from_utf8_lossy(&response.body);
                    Refusal::malformed(&format!("no JSON: {said}"))
                })?);
            }
            let path = option(option_of(field));
            let path = if path.is_empty() { default_of(field) } else { path };
            if let Some(found) = body.as_ref().and_then(|body| at(body, path)) {
                answered.push((field, Value::from_json(found)));
            }
        }
        // Done, and it says no: `{"swapped": false}`.
        if row.answers.is_empty()
            && self.options.contains_key("value")
            && let Ok(body) = serde_json::from_slice::<Json>(&response.body)
            && at(&body, option("value")) == Some(&Json::Bool(false))
        {
            answered.push((Field::Value, Value::Bool(false)));
        }
        Ok(answered)
    }

    /// Whether it is said where this field stands.
    fn names(&self, field: Field) -> bool {
        self.options.contains_key(option_of(field))
    }
}

fn option_of(field: Field) -> &'static str {
    match field {
        Field::Offset => "offset",
        Field::Tail => "length",
        _ => "value",
    }
}

fn default_of(field: Field) -> &'static str {
    match field {
        Field::Offset => "offset",
        Field::Tail => "tail",
        _ => "",
    }
}

/// What may stand in a template.
fn holes(asked: &Event) -> Vec<(&'static str, String)> {
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let mut holes = vec![("{key}", key(asked))];
    let mut put = |hole, text: Option<String>| holes.extend(text.map(|text| (hole, text)));
    put("{value}", asked.value.as_ref().map(json));
    put("{element}", asked.element().or(asked.value.as_ref()).map(json));
    put("{expect}", number(asked.expect()));
    put("{limit}", number(asked.limit()));
    put("{level}", asked.level().map(|level| level.name().to_owned()));
    match pair(asked) {
        Ok((from, to)) => {
            put("{from}", Some(json(from)));
            put("{to}", Some(json(to)));
        }
        Err(_) => put("{from}", number(asked.from())),
    }
    holes
}

/// Each hole once, from left to right; other braces are the template's own.
fn fill(text: &str, holes: &[(&str, String)], how: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        rest = &rest[open..];
        let hole = holes.iter().find(|(hole, _)| rest.starts_with(hole));
        let (put, length) = hole.map_or(("{".into(), 1), |(hole, text)| (how(text), hole.len()));
        filled.push_str(&put);
        rest = &rest[length..];
    }
    filled + rest
}

/// As it may stand in a path (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let mut path = String::new();
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// `200-299, 404`
/// Whether a server says by it that the request was wrong, or is nothing it knows; not that it is
/// busy, or broken. What that means only the workload can say.
fn is_for_the_workload(status: u16) -> bool {
    const BUSY: [u16; 3] = [408, 425, 429];
    (400..500).contains(&status) && !BUSY.contains(&status) || status == 501
}

fn listed(list: &str, status: u16) -> bool {
    list.split(',').any(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.trim().parse::<u16>(), to.trim().parse::<u16>());
        matches!((from, to), (Ok(from), Ok(to)) if (from..=to).contains(&status))
    })
}

/// `409=conflict, 404=absent`. A word that is no definite no is none here either.
fn word(list: &str, status: u16) -> Option<&'static str> {
    let parts = list.split(',').filter_map(|part| part.split_once('='));
    let mut found = parts.filter(|(statuses, _)| listed(statuses, status));
    let word = found.next()?.1.trim();
    DEFINITE.iter().copied().find(|definite| *definite == word)
}

/// `node.value`, `0.Value`; the empty path is all of it.
fn at<'a>(body: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').filter(|step| !step.is_empty()).try_fold(body, |body, step| match body {
        Json::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// `http://127.7.0.1:8080/x`, `127.7.0.1:8080`
fn host(url: &str) -> Option<IpAddr> {
    let authority = url.split("://").last()?.split('/').next()?;
    authority.rsplit_once(':').map_or(authority, |(host, _)| host).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, http, response};
    use super::*;

    const KV: &[(&str, &str)] = &[
        ("get", "GET /kv/{key}"),
        ("put", r#"PUT /kv/{key}?by={value} {"value": {value}}"#),
        ("cas", r#"POST /kv/{key}/cas {"from":{from},"to":{to}}"#),
        ("delete", "DELETE /kv/{key}"),
        ("null", "404"),
        ("fail", "409=conflict, 307=not-leader, 410=absent, 500=maybe"),
        ("value", "node.value"),
        ("header", "Authorization: me"),
    ];

    const FAKE: Fake =
        Fake { client: "http", model: "kv", options: KV, greeting: b"", whole: http };

    #[test]
    fn a_template_is_filled() {
        let done = response("200 OK", "");
        let check = |question: &str, expected: &str| {
            let (_, asked) = FAKE.ask(question, &[&done]);
            assert!(asked[0].starts_with(expected), "{question}: {asked:?}");
            assert!(asked[0].contains("\r\nAuthorization: me\r\n"), "{asked:?}");
        };
        check(r#"get key="x""#, "GET /kv/x HTTP/1.1\r\n");
        check(r#"get key="x/é""#, "GET /kv/x%2F%C3%A9 HTTP/1.1\r\n");
        check(r#"put key="x" value="a""#, "PUT /kv/x?by=%22a%22 HTTP/1.1\r\n");
        let (_, asked) = FAKE.ask(r#"put key="x" value="{key}""#, &[&done]);
        assert!(asked[0].ends_with("\r\n\r\n{\"value\": \"{key}\"}"), "filled once: {asked:?}");
        let (_, asked) = FAKE.ask(r#"cas key="x" value=[1,2]"#, &[&done]);
        assert!(asked[0].ends_with(r#"{"from":1,"to":2}"#), "{asked:?}");
    }

    #[test]
    fn what_the_workload_says_of_a_status_holds_and_nothing_else() {
        let check = |question: &str, answer: &[u8], expected: &str| {
            let (said, _) = FAKE.ask(question, &[answer]);
            let text = String::from_utf8_lossy(answer).into_owned();
            assert_eq!(said, expected, "{question}: {text}");
        };
        let (get, put, cas) = ("get", "put value=1", "cas value=[1,2]");
        check(get, &response("200 OK", r#"{"node":{"value":[7]}}"#), "ok value:[7]");
        check(get, &response("404 Not Found", "no"), "ok value:null");
        check(get, &response("200 OK", "{}"), NO_VALUE);
        check(get, &response("200 OK", "<p>"), "info malformed-answer: no JSON: <p>");
        check(put, &response("204 No Content", ""), "ok");
        let unsaid = |status: u16| {
            format!(
                "info malformed-answer: HTTP {status}, of which `client` says nothing: write `fail: \
                 {status}=refused` or `null: {status}`; no"
            )
        };
        check(put, &response("404 Not Found", "no"), &unsaid(404));
        check(put, &response("501 Not Implemented", "no"), &unsaid(501));
        check(put, &response("429 Too Many", "no"), "info server-error: HTTP 429: no");
        check(put, &response("500 Oops", "disk"), "info server-error: HTTP 500: disk");
        check(put, &response("503 Busy", ""), "info server-error: HTTP 503:");
        check(cas, &response("409 Conflict", ""), "fail conflict");
        check(cas, &response("200 OK", r#"{"node":{"value":false}}"#), "fail conflict");
        check("delete", &response("410 Gone", ""), "fail absent");
        let moved =
            b"HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:8/x\r\nContent-Length: 0\r\n\r\n";
        check(put, moved, "fail not-leader -> n1");
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            8\r\n{\"node\":\r\nc;x=1\r\n{\"value\":5}}\r\n0\r\nTrailer: x\r\n\r\n";
        check(get, chunked, "ok value:5");
        check(get, b"HTTP/1.0 200 OK\r\n\r\n{\"node\":{\"value\":5}}", "ok value:5");
        let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        check(put, interim, "ok");
        check(
            put,
            b"HTTP/1.1 OK\r\n\r\n",
            "info malformed-answer: no answer of HTTP/1.1: HTTP/1.1 OK",
        );
        check("append value=\"x\"", &response("200 OK", ""), NOT_SAID);
    }

    const NO_VALUE: &str = "info unreadable-answer: the ok get has no `value`";
    const NOT_SAID: &str =
        "fail refused (the client http knows no `append`; say it under `client`)";

    #[test]
    fn half_an_answer_is_none() {
        FAKE.is_cut_short("put value=1", &[&response("200 OK", "0123")]);
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        FAKE.is_cut_short("get", &[chunked]);
    }

    #[test]
    fn a_status_is_whatever_is_answered() {
        let said = FAKE.status(&[&response("404 Not Found", "no")]).unwrap();
        assert_eq!(said, NodeStatus::default());
        let body = r#"{"role":"leader","leader":"http://127.0.0.1:9","epoch":3}"#;
        let said = FAKE.status(&[&response("200 OK", body)]).unwrap();
        assert_eq!((&*said.role, said.epoch, said.leader), ("leader", 3, Some(NodeId(1))));
    }
}
