//! The configuration of a plan, and what its expressions refer to: through variables and outputs of modules.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::address::{Address, Reference, caller};
use super::resource::Resource;
use super::{MAX_DEPTH, list};

/// References that are looked at for one argument. INVARIANT: it bounds modules that refer to each other in a ring.
const MAX_STEPS: usize = 64;
/// Resources that one argument can mean; of more nobody can say which.
const MAX_FOUND: usize = 32;

/// The modules as they are declared.
pub struct Configuration<'p> {
    modules: Vec<Module<'p>>,
}

struct Module<'p> {
    parent: Option<usize>,
    /// As the parent calls it.
    call: Option<&'p Value>,
    children: HashMap<&'p str, usize>,
    resources: HashMap<&'p str, &'p Value>,
    outputs: Option<&'p Value>,
}

impl<'p> Configuration<'p> {
    /// A state has none.
    pub fn of(plan: &'p Value) -> Self {
        let mut own = Self { modules: Vec::new() };
        if let Some(root) = plan.get("configuration").and_then(|own| own.get("root_module")) {
            own.read(root, None, 0);
        }
        own
    }

    fn read(&mut self, module: &'p Value, called: Option<(usize, &'p Value)>, depth: usize) -> Option<usize> {
        if depth > MAX_DEPTH {
            return None;
        }
        let index = self.modules.len();
        let named = |resource: &'p Value| Some((resource.get("address")?.as_str()?, resource));
        self.modules.push(Module {
            parent: called.map(|(parent, _)| parent),
            call: called.map(|(_, call)| call),
            children: HashMap::new(),
            resources: list(module.get("resources")).iter().filter_map(named).collect(),
            outputs: module.get("outputs"),
        });
        let calls = module.get("module_calls").and_then(Value::as_object);
        let mut children = HashMap::new();
        for (name, call) in calls.into_iter().flatten() {
            let child = call.get("module").and_then(|inner| self.read(inner, Some((index, call)), depth + 1));
            children.extend(child.map(|child| (name.as_str(), child)));
        }
        if let Some(own) = self.modules.get_mut(index) {
            own.children = children;
        }
        Some(index)
    }

    /// The module in which something stands.
    fn module_of(&self, address: &Address<'_>) -> Option<usize> {
        let child = |at: usize, name: &&str| self.modules.get(at)?.children.get(*name).copied();
        let root = (!self.modules.is_empty()).then_some(0)?;
        address.path.iter().try_fold(root, child)
    }

    /// The declaration of a resource.
    pub fn declaration(&self, address: &Address<'_>) -> Option<&'p Value> {
        self.modules.get(self.module_of(address)?)?.resources.get(address.declared).copied()
    }
}

/// The resources that references can mean, by number.
pub struct Instances<'p> {
    /// By module, declaration and key.
    one: HashMap<(&'p str, &'p str, &'p str), usize>,
    of_module: HashMap<(&'p str, &'p str), Vec<usize>>,
    /// In whatever instances of their module.
    of_declaration: HashMap<(usize, &'p str), Vec<usize>>,
}

impl<'p> Instances<'p> {
    pub fn of(resources: &[Resource<'p>], configuration: &Configuration<'p>) -> Self {
        let mut own = Self { one: HashMap::new(), of_module: HashMap::new(), of_declaration: HashMap::new() };
        for (index, resource) in resources.iter().enumerate() {
            if !matches!(resource.kind, "aws_iam_role" | "aws_iam_policy") {
                continue;
            }
            let Some(at) = &resource.location else { continue };
            own.one.insert((at.module, at.declared, at.key), index);
            own.of_module.entry((at.module, at.declared)).or_default().push(index);
            if let Some(module) = configuration.module_of(at) {
                own.of_declaration.entry((module, at.declared)).or_default().push(index);
            }
        }
        own
    }
}

/// Where an expression stands.
struct Scope<'p> {
    module: usize,
    /// The instance of the module; `None` for any of them.
    path: Option<String>,
    /// The key of the instance that the expression belongs to.
    key: String,
    /// Whether the expression takes what belongs to that key.
    keyed: bool,
    for_each: Option<&'p Value>,
}

/// What an argument refers to.
struct Search<'c, 'p> {
    configuration: &'c Configuration<'p>,
    instances: &'c Instances<'p>,
    kind: &'static str,
    left: usize,
    found: BTreeSet<usize>,
    /// Whether it may also be something else.
    open: bool,
}

/// The resources of a type that an argument refers to. `None` where nothing says that it is one of these.
pub fn referred<'p>(
    resource: &Resource<'p>,
    argument: &str,
    kind: &'static str,
    configuration: &Configuration<'p>,
    instances: &Instances<'p>,
) -> Option<BTreeSet<usize>> {
    let location = resource.location.as_ref()?;
    let scope = Scope {
        module: configuration.module_of(location)?,
        path: Some(location.module.to_owned()),
        key: location.key.to_owned(),
        keyed: false,
        for_each: resource.declared.and_then(|declared| declared.get("for_each_expression")),
    };
    let mut search =
        Search { configuration, instances, kind, left: MAX_STEPS, found: BTreeSet::new(), open: false };
    search.follow(scope, resource.expression(argument)?);
    (!search.open && !search.found.is_empty()).then_some(search.found)
}

impl<'p> Search<'_, 'p> {
    fn follow(&mut self, mut scope: Scope<'p>, expression: &'p Value) {
        let texts = list(expression.get("references")).iter().filter_map(Value::as_str);
        let texts: Vec<&'p str> = texts.take(MAX_STEPS + 1).collect();
        let by_key =
            |text: &&str| matches!(Reference::parse(text), Reference::InstanceKey | Reference::EachValue);
        scope.keyed |= texts.iter().any(by_key);
        let mut before = "";
        for text in texts {
            if self.left == 0 {
                self.open = true;
                return;
            }
            self.left -= 1;
            // `a.b.name` is followed by `a.b`, the same with less.
            let rest = before.strip_prefix(text);
            if rest.is_some_and(|rest| rest.starts_with(['.', '['])) {
                continue;
            }
            before = text;
            self.one(&scope, Reference::parse(text));
        }
    }

    fn one(&mut self, scope: &Scope<'p>, reference: Reference<'p>) {
        match reference {
            // What is known before would be in the values.
            Reference::InstanceKey | Reference::Known => {}
            Reference::Other => self.open = true,
            Reference::Resource { declared, key } => self.resource(scope, declared, key),
            Reference::Variable(name) => self.variable(scope, name),
            Reference::Output { call, key, output } => self.output(scope, call, key, output),
            Reference::EachValue => {
                let own =
                    Scope { path: scope.path.clone(), key: scope.key.clone(), for_each: None, ..*scope };
                match scope.for_each {
                    Some(values) => self.follow(own, values),
                    None => self.open = true,
                }
            }
        }
    }

    fn resource(&mut self, scope: &Scope<'p>, declared: &str, key: &str) {
        let of_kind = declared.strip_prefix(self.kind).is_some_and(|rest| rest.starts_with('.'));
        if !of_kind {
            self.open = true;
            return;
        }
        let instances = self.instances;
        let Some(path) = scope.path.as_deref() else {
            let all = instances.of_declaration.get(&(scope.module, declared));
            return self.take(all.map(Vec::as_slice).unwrap_or_default());
        };
        let at = |key: &str| instances.one.get(&(path, declared, key)).copied();
        if !key.is_empty() {
            return self.take(at(key).as_slice());
        }
        match at(&scope.key).filter(|_| scope.keyed) {
            Some(own) => self.take(&[own]),
            None => {
                let all = instances.of_module.get(&(path, declared));
                self.take(all.map(Vec::as_slice).unwrap_or_default());
            }
        }
    }

    fn take(&mut self, found: &[usize]) {
        if self.found.len() + found.len() > MAX_FOUND {
            self.open = true;
            return;
        }
        self.found.extend(found);
    }

    /// As the caller of the module says. One that the caller leaves out has its default, and one of the root is
    /// given before: both are known.
    fn variable(&mut self, scope: &Scope<'p>, name: &str) {
        let Some(module) = self.configuration.modules.get(scope.module) else { return };
        let (Some(parent), Some(call)) = (module.parent, module.call) else { return };
        let Some(expression) = call.get("expressions").and_then(|all| all.get(name)) else { return };
        let (path, key) = match scope.path.as_deref().map(caller) {
            Some((path, key)) => (Some(path.to_owned()), key.to_owned()),
            None => (None, String::new()),
        };
        let for_each = call.get("for_each_expression");
        self.follow(Scope { module: parent, path, key, keyed: false, for_each }, expression);
    }

    fn output(&mut self, scope: &Scope<'p>, call: &str, key: &str, output: &str) {
        let configuration = self.configuration;
        let module = configuration.modules.get(scope.module);
        let child = module.and_then(|module| module.children.get(call)).copied();
        let called = child.and_then(|child| configuration.modules.get(child));
        let outputs = called.and_then(|called| called.outputs);
        let expression = outputs.and_then(|all| all.get(output)?.get("expression"));
        let (Some(child), Some(expression)) = (child, expression) else {
            self.open = true;
            return;
        };
        let many = ["count_expression", "for_each_expression"];
        let many = called
            .and_then(|called| called.call)
            .is_some_and(|own| many.iter().any(|name| own.get(name).is_some()));
        let path = scope.path.as_deref().filter(|_| !many || !key.is_empty()).map(|path| match path {
            "" => format!("module.{call}{key}"),
            path => format!("{path}.module.{call}{key}"),
        });
        self.follow(
            Scope { module: child, path, key: String::new(), keyed: false, for_each: None },
            expression,
        );
    }
}
