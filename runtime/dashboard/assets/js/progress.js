// What a plan says of its tasks. Nothing of the page is touched here.

/** Tasks that a task needs, those of its references among them. */
export function needsOf(task) {
  const needs = new Set(task.needs ?? []);
  const visit = (value) => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (value && typeof value === "object") {
      if (typeof value.$from === "string") needs.add(value.$from);
      Object.values(value).forEach(visit);
    }
  };
  visit(task.args);
  if (task.each) visit(task.each);
  return [...needs];
}
