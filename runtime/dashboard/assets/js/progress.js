// What the events of a goal say of its tasks. Nothing of the page is touched here.

/** Tasks in the order they were first heard of: where each stands, and its attempts. */
export function gathered(events) {
  const tasks = new Map();
  for (const event of events) {
    if (event.kind !== "task") continue;
    const body = event.body;
    let task = tasks.get(body.task_id);
    if (!task) {
      task = { id: body.task_id, tool: body.tool, title: body.title, attempts: [] };
      tasks.set(body.task_id, task);
    }
    Object.assign(task, { tool: body.tool, title: body.title || task.title, status: body.status, agent: body.agent ?? task.agent, score: body.score ?? task.score, reason: body.reason });
    if (body.duration_ms !== null && body.duration_ms !== undefined) task.duration_ms = body.duration_ms;
    const number = Math.max(1, body.attempt);
    if (body.attempt === 0 && body.status === "pending") continue;
    let attempt = task.attempts.find((one) => one.number === number);
    if (!attempt) { attempt = { number, said: [] }; task.attempts.push(attempt); }
    attempt.said.push({ status: body.status, reason: body.reason, agent: body.agent, score: body.score, seq: event.seq });
    Object.assign(attempt, { status: body.status, reason: body.reason ?? attempt.reason, agent: body.agent ?? attempt.agent, score: body.score ?? attempt.score });
  }
  return [...tasks.values()];
}

/** What an attempt differs from the one before in, in words. */
export function differs(now, before) {
  const found = [];
  if (now.agent && before.agent && now.agent !== before.agent) found.push(`another executor: ${before.agent} → ${now.agent}`);
  if (now.score !== before.score && now.score !== undefined && before.score !== undefined && now.score !== null && before.score !== null) found.push(`score ${before.score.toFixed(2)} → ${now.score.toFixed(2)}`);
  if (before.reason) found.push(`because: ${before.reason}`);
  return found;
}

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

/** The chain of tasks that took longest, of those whose time is known. */
export function critical(tasks, took) {
  const known = new Map(tasks.map((task) => [task.id, task]));
  const best = new Map();
  const visit = (id, seen) => {
    if (best.has(id)) return best.get(id);
    const task = known.get(id);
    if (!task || seen.has(id)) return { ms: 0, path: [] };
    seen.add(id);
    let long = { ms: 0, path: [] };
    for (const need of [...needsOf(task), ...(task.after ?? [])]) {
      const one = visit(need, seen);
      if (one.ms > long.ms) long = one;
    }
    seen.delete(id);
    const own = { ms: long.ms + (took.get(id) ?? 0), path: [...long.path, id] };
    best.set(id, own);
    return own;
  };
  let longest = { ms: 0, path: [] };
  for (const task of tasks) {
    const one = visit(task.id, new Set());
    if (one.ms > longest.ms) longest = one;
  }
  return longest;
}
