//! Small changes of a source file, each behind the switch: what a tired programmer writes. The
//! operators are the usual ones of mutation testing (A. Jefferson Offutt et al., "An experimental
//! determination of sufficient mutant operators", 1996): relations, connectors, arithmetic, and
//! statements left out.
//! It never decides whether a change matters: the hunt does.

use std::ops::Range;

use proc_macro2::Span;
use serde::{Deserialize, Serialize};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ExprBinary, ExprIf, ExprMethodCall, ExprWhile, Lit, Stmt};

/// One change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mutant {
    /// Its number on the switch.
    pub number: u32,
    /// From the root of the repository.
    pub file: String,
    pub line: usize,
    pub function: String,
    /// `a < b  ->  a <= b`.
    pub what: String,
}

/// A change of the text: what stands in this range is wrapped.
struct Change {
    range: Range<usize>,
    kind: Kind,
    what: String,
    line: usize,
    function: String,
}

enum Kind {
    /// The expression is this text instead.
    Instead(String),
    /// The statement is left out.
    LeftOut,
}

/// What names of functions say that they decide nothing: they tell, or draw.
const TELL_ONLY: &[&str] = &["fmt", "status", "state", "about"];

/// Lines that only write evidence: without them a run is unknown, and nothing is wrong with it.
const EVIDENCE: &[&str] = &["trace", "Trace", "debug_assert"];

/// The mutants of one file, from this number on, and its text with all of them. `without`: numbers
/// that do not compile.
pub fn mutate(
    file: &str,
    text: &str,
    first: u32,
    without: &[u32],
) -> syn::Result<(String, Vec<Mutant>)> {
    let parsed = syn::parse_file(text)?;
    let mut seen = Seen { text, changes: Vec::new(), functions: Vec::new() };
    seen.visit_file(&parsed);
    let mut changes = seen.changes;
    // Outer ones first; of those that begin together the longer one is the outer.
    changes.sort_by_key(|change| (change.range.start, usize::MAX - change.range.end));
    let mutants = changes.iter().zip(first..).map(|(change, number)| Mutant {
        number,
        file: file.to_owned(),
        line: change.line,
        function: change.function.clone(),
        what: change.what.clone(),
    });
    let mutants: Vec<Mutant> = mutants.filter(|mutant| !without.contains(&mutant.number)).collect();
    let numbered: Vec<(u32, Change)> =
        (first..).zip(changes).filter(|(number, _)| !without.contains(number)).collect();
    Ok((written(text, 0..text.len(), &numbered), mutants))
}

/// How many changes a file has.
pub fn count(text: &str) -> syn::Result<u32> {
    let mut seen = Seen { text, changes: Vec::new(), functions: Vec::new() };
    seen.visit_file(&syn::parse_file(text)?);
    Ok(seen.changes.len() as u32)
}

/// The text of a range, in which these changes are behind the switch.
fn written(text: &str, range: Range<usize>, changes: &[(u32, Change)]) -> String {
    let mut out = String::new();
    let (mut at, mut rest) = (range.start, changes);
    while let Some(((number, change), after)) = rest.split_first() {
        let inner = after.iter().take_while(|(_, other)| other.range.end <= change.range.end);
        let (inner, next) = after.split_at(inner.count());
        out.push_str(&text[at..change.range.start]);
        // What begins together has the same range here: the next one is inside.
        let body = written(text, change.range.clone(), inner);
        match &change.kind {
            Kind::Instead(other) => {
                out.push_str(&format!(
                    "(if crate::mutant({number}) {{ {other} }} else {{ {body} }})"
                ));
            }
            Kind::LeftOut => {
                out.push_str(&format!("if !crate::mutant({number}) {{ {body} }}"));
            }
        }
        at = change.range.end;
        rest = next;
    }
    out.push_str(&text[at..range.end]);
    out
}

struct Seen<'a> {
    text: &'a str,
    changes: Vec<Change>,
    functions: Vec<String>,
}

impl Seen<'_> {
    fn of(&self, span: Span) -> &str {
        &self.text[span.byte_range()]
    }

    fn add(&mut self, span: Span, kind: Kind, what: String) {
        let Some(function) = self.functions.last().cloned() else { return };
        let words: Vec<&str> = what.split_whitespace().collect();
        let what = words.join(" ");
        let line = span.start().line;
        self.changes.push(Change { range: span.byte_range(), kind, what, line, function });
    }

    fn in_function(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        if TELL_ONLY.contains(&name.as_str()) {
            return;
        }
        self.functions.push(name);
        visit(self);
        self.functions.pop();
    }

    /// A condition that is the other way round.
    fn negate(&mut self, condition: &Expr) {
        if has_let(condition) || matches!(condition, Expr::Binary(_)) {
            return;
        }
        let text = self.of(condition.span()).to_owned();
        self.add(
            condition.span(),
            Kind::Instead(format!("!({text})")),
            format!("{text} -> !({text})"),
        );
    }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        Expr::Paren(paren) => has_let(&paren.expr),
        _ => false,
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Seen<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}

    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}

    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}

    fn visit_type_array(&mut self, _: &'ast syn::TypeArray) {}

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) && item.sig.constness.is_none() {
            self.in_function(item.sig.ident.to_string(), |own| visit::visit_item_fn(own, item));
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) && item.sig.constness.is_none() {
            self.in_function(item.sig.ident.to_string(), |own| {
                visit::visit_impl_item_fn(own, item);
            });
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.in_function(item.sig.ident.to_string(), |own| visit::visit_trait_item_fn(own, item));
    }

    fn visit_expr_if(&mut self, expr: &'ast ExprIf) {
        self.negate(&expr.cond);
        visit::visit_expr_if(self, expr);
    }

    fn visit_expr_while(&mut self, expr: &'ast ExprWhile) {
        // A loop that never ends is no fault of a protocol that anybody would ship.
        visit::visit_block(self, &expr.body);
    }

    fn visit_expr_binary(&mut self, expr: &'ast ExprBinary) {
        let (left, right) = (self.of(expr.left.span()), self.of(expr.right.span()));
        let one = matches!(&*expr.right, Expr::Lit(lit)
            if matches!(&lit.lit, Lit::Int(int) if int.base10_digits() == "1"));
        let lets = has_let(&expr.left) || has_let(&expr.right);
        let other = match expr.op {
            BinOp::Lt(_) => Some("<="),
            BinOp::Le(_) => Some("<"),
            BinOp::Gt(_) => Some(">="),
            BinOp::Ge(_) => Some(">"),
            BinOp::Eq(_) => Some("!="),
            BinOp::Ne(_) => Some("=="),
            BinOp::And(_) if !lets => Some("||"),
            BinOp::Or(_) if !lets => Some("&&"),
            _ => None,
        };
        let instead = match (expr.op, other) {
            (_, Some(other)) => Some(format!("({left}) {other} ({right})")),
            (BinOp::Add(_) | BinOp::Sub(_), None) if one => Some(left.to_owned()),
            _ => None,
        };
        if let Some(instead) = instead {
            let what = format!("{} -> {instead}", self.of(expr.span()));
            self.add(expr.span(), Kind::Instead(instead), what);
        }
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_method_call(&mut self, expr: &'ast ExprMethodCall) {
        let other = match expr.method.to_string().as_str() {
            "max" => "min",
            "min" => "max",
            _ => "",
        };
        if let (false, [argument]) = (other.is_empty(), Vec::from_iter(&expr.args).as_slice()) {
            let (on, argument) = (self.of(expr.receiver.span()), self.of(argument.span()));
            let instead = format!("({on}).{other}({argument})");
            let what = format!("{} -> {instead}", self.of(expr.span()));
            self.add(expr.span(), Kind::Instead(instead), what);
        }
        visit::visit_expr_method_call(self, expr);
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(expr, Some(_)) = statement {
            let does = match expr {
                Expr::MethodCall(_) | Expr::Call(_) | Expr::Assign(_) => true,
                Expr::Binary(binary) => !matches!(
                    binary.op,
                    BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) | BinOp::Eq(_)
                ),
                _ => false,
            };
            let text = self.of(statement.span()).to_owned();
            if does && !EVIDENCE.iter().any(|word| text.contains(word)) {
                self.add(statement.span(), Kind::LeftOut, format!("left out: {text}"));
            }
        }
        visit::visit_stmt(self, statement);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_stands_behind_its_number_and_the_text_without_them_is_the_old_one() {
        let text = "fn f(a: u64, b: u64) -> bool {\n    g(a);\n    if a < b && g(b) { return h(a + 1); }\n    a.max(b) == 1\n}\n";
        let (written, mutants) = mutate("f.rs", text, 10, &[]).unwrap();
        let whats: Vec<&str> = mutants.iter().map(|mutant| mutant.what.as_str()).collect();
        assert_eq!(
            whats,
            [
                "left out: g(a);",
                "a < b && g(b) -> (a < b) || (g(b))",
                "a < b -> (a) <= (b)",
                "a + 1 -> a",
                "a.max(b) == 1 -> (a.max(b)) != (1)",
                "a.max(b) -> (a).min(b)",
            ]
        );
        assert!(mutants.iter().map(|mutant| mutant.number).eq(10..16));
        assert!(written.contains("if !crate::mutant(10) { g(a); }"), "{written}");
        assert!(
            written.contains(
                "if (if crate::mutant(11) { (a < b) || (g(b)) } else { \
                 (if crate::mutant(12) { (a) <= (b) } else { a < b }) && g(b) }) {"
            ),
            "{written}"
        );
        syn::parse_file(&written).unwrap();
        let (_, fewer) = mutate("f.rs", text, 10, &[11, 15]).unwrap();
        assert!(fewer.iter().map(|mutant| mutant.number).eq([10, 12, 13, 14]));
        assert_eq!(count(text).unwrap(), 6);
    }

    #[test]
    fn what_decides_nothing_is_left_alone() {
        let text = "const A: bool = 1 < 2;\nimpl X { fn status(&self) -> bool { a < b } \
                    fn f() { out.push(Output::Trace(x)); } }\n\
                    #[cfg(test)]\nmod tests { fn f() { g(); } }\n";
        assert_eq!(count(text).unwrap(), 0);
    }
}
