//! Arrays and objects against one schema: items and members, renamed, wrapped, dropped.

use super::Receipt;
use super::fit::{Fit, Fitter, NO_SCHEMA, receipt};
use super::words;
use crate::repair::Value;
use std::borrow::Cow;

impl Fitter<'_> {
    pub(super) fn array(
        &mut self,
        items: &[Value<'_>],
        schema: &Value<'static>,
        pointer: &str,
    ) -> Option<Fit> {
        let item_schema = schema.get("items").unwrap_or(&NO_SCHEMA);
        let mut whole = Fit { value: Value::Null, cost: 0, receipts: Vec::new() };
        let mut kept = Vec::new();
        for item in items {
            let place = format!("{pointer}/{}", kept.len());
            match self.fit(item, item_schema, &place) {
                Some(found) => {
                    whole.cost += found.cost;
                    whole.receipts.extend(found.receipts);
                    kept.push(found.value);
                }
                None => {
                    whole.cost += 12;
                    whole.receipts.push(receipt(&place, "dropped_item", item, &Value::Null));
                }
            }
        }
        if kept.is_empty() && !items.is_empty() {
            return None;
        }
        whole.value = Value::Array(kept);
        Some(whole)
    }

    pub(super) fn list_of_one(
        &mut self,
        value: &Value<'_>,
        schema: &Value<'static>,
        pointer: &str,
    ) -> Option<Fit> {
        if let Some(found) = self.decoded(value, schema, pointer) {
            return Some(found);
        }
        if matches!(value, Value::Null) {
            return None;
        }
        let item_schema = schema.get("items").unwrap_or(&NO_SCHEMA);
        let mut found = self.fit(value, item_schema, &format!("{pointer}/0"))?;
        let list = Value::Array(vec![found.value]);
        found.receipts.insert(0, receipt(pointer, "list_of_one", value, &list));
        Some(Fit { value: list, cost: found.cost + 4, receipts: found.receipts })
    }

    pub(super) fn object_from(
        &mut self,
        value: &Value<'_>,
        schema: &Value<'static>,
        pointer: &str,
    ) -> Option<Fit> {
        if let Some(found) = self.decoded(value, schema, pointer) {
            return Some(found);
        }
        if let Value::Array(items) = value {
            for item in items.iter().filter(|item| item.is_container()) {
                if let Some(mut found) = self.fit(item, schema, pointer) {
                    found.receipts.insert(0, receipt(pointer, "first_item", value, item));
                    found.cost += 8;
                    return Some(found);
                }
            }
        }
        self.implied_key(value, schema, pointer)
    }

    /// A value where an object with exactly one property is asked for: the value of it.
    fn implied_key(&mut self, value: &Value<'_>, schema: &Value<'static>, pointer: &str) -> Option<Fit> {
        if matches!(value, Value::String(_) | Value::Null | Value::Array(_)) {
            return None;
        }
        let [(name, inner)] = schema.get("properties")?.members()? else { return None };
        let mut found = self.fit(value, inner, &format!("{pointer}/{name}"))?;
        let object = Value::Object(vec![(name.clone(), found.value)]);
        found.receipts.insert(0, receipt(pointer, "implied_key", value, &object));
        Some(Fit { value: object, cost: found.cost + 5, receipts: found.receipts })
    }

    pub(super) fn object(
        &mut self,
        members: &[(Cow<'_, str>, Value<'_>)],
        schema: &Value<'static>,
        pointer: &str,
    ) -> Option<Fit> {
        let properties = schema.get("properties").and_then(Value::members).unwrap_or_default();
        let mut used = vec![false; members.len()];
        let is_other = !members.is_empty()
            && !properties.is_empty()
            && properties.iter().all(|(name, inner)| words::member(members, &used, name, inner).is_none());
        if is_other && let Some(found) = self.implied_key(&Value::Object(members.to_vec()), schema, pointer) {
            return Some(found);
        }
        let mut whole = Fit { value: Value::Null, cost: if is_other { 20 } else { 0 }, receipts: Vec::new() };
        let mut kept = Vec::new();
        for (name, inner) in properties {
            let index = words::member(members, &used, name, inner);
            let member = index.and_then(|index| members.get(index));
            if let Some(value) = self.property(member, (name, inner), schema, pointer, &mut whole)? {
                if let Some(slot) = index.and_then(|index| used.get_mut(index)) {
                    *slot = true;
                }
                kept.push((name.clone(), value));
            }
        }
        self.extras(members, &used, schema, pointer, &mut whole, &mut kept)?;
        whole.value = Value::Object(kept);
        Some(whole)
    }

    /// One property: its member, fitted; null where it must be there and may be null.
    fn property(
        &mut self,
        member: Option<&(Cow<'_, str>, Value<'_>)>,
        (name, inner): (&str, &Value<'static>),
        schema: &Value<'static>,
        pointer: &str,
        whole: &mut Fit,
    ) -> Option<Option<Value<'static>>> {
        let place = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        if let Some((key, value)) = member
            && let Some(found) = self.fit(value, inner, &place)
        {
            if key != name {
                whole.receipts.push(renamed(&place, key, name));
                whole.cost += 1;
            }
            whole.cost += found.cost;
            whole.receipts.extend(found.receipts);
            return Some(Some(found.value));
        }
        let required = schema.get("required").and_then(Value::items).unwrap_or_default();
        if !required.iter().any(|required| required.as_str() == Some(name)) {
            return Some(None);
        }
        let found = self.fit(&Value::Null, inner, &place)?;
        whole.cost += if member.is_some() { 12 } else { 2 };
        whole.receipts.push(receipt(&place, "missing_null", &Value::Null, &found.value));
        Some(Some(found.value))
    }

    /// Members that no property names: kept, fitted or dropped, as the schema says.
    fn extras(
        &mut self,
        members: &[(Cow<'_, str>, Value<'_>)],
        used: &[bool],
        schema: &Value<'static>,
        pointer: &str,
        whole: &mut Fit,
        kept: &mut Vec<(Cow<'static, str>, Value<'static>)>,
    ) -> Option<()> {
        let extra = schema.get("additionalProperties").unwrap_or(&NO_SCHEMA);
        for ((key, value), _) in members.iter().zip(used).filter(|(_, used)| !**used) {
            let place = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            if *extra == Value::Bool(false) {
                whole.cost += 1;
                whole.receipts.push(receipt(&place, "extra_property", value, &Value::Null));
                continue;
            }
            let found = self.fit(value, extra, &place)?;
            whole.cost += found.cost;
            whole.receipts.extend(found.receipts);
            kept.push((Cow::Owned(key.to_string()), found.value));
        }
        Some(())
    }
}

fn renamed(pointer: &str, before: &str, after: &str) -> Receipt {
    receipt(pointer, "renamed_property", &Value::text(before), &Value::text(after))
}
