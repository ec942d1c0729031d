// Talks to the centre. Every answer comes in time or counts as none.

const PATIENCE_MS = 5000;

/** GET /api/v1/{path}. */
export async function look(path) {
  return talk(path, { headers: { Accept: "application/json" } });
}

/** POST /api/v1/{path}; a refusal is an error with `refusal`, the reason as the centre gave it. */
export async function act(path, body) {
  return talk(path, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function talk(path, request) {
  const answer = await fetch("/api/v1/" + path, {
    ...request, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const said = await answer.json();
  if (!answer.ok) {
    const error = new Error(said.detail ?? said.title ?? String(answer.status));
    error.refusal = said.reason ?? { zh: said.title_zh ?? said.title, en: said.detail ?? said.title };
    throw error;
  }
  return said;
}
