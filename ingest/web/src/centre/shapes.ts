/**
 * What the centre answers, as /api/v1 writes it. Moments are ISO 8601 in UTC. A field that may be
 * missing is one that an older centre does not tell.
 */

export interface Both { zh: string; en: string }
export interface Reason extends Both { code?: string }
export interface Listed<T> { items: T[]; next: string | null }
export interface Deed { by: string; at: string }

export type Level = "region" | "large" | "middle" | "small";
export interface Place { id: string; name: string }
export type GridPath = Record<Level, Place | null>;

/** Where something is and whom to call. */
export interface Whereabouts {
  unit: string | null;
  unit_name: string | null;
  address: string | null;
  contact: string | null;
  phone: string | null;
  grid: string | null;
  grid_name: string | null;
  grid_path: GridPath | null;
}

export type Severity = "info" | "general" | "serious" | "major";
export type AlarmState = "active-unacked" | "active-acked" | "returned-unacked" | "returned-acked" | "closed";
export type Verdict = "real" | "false" | "test" | "drill";

export interface HistoryLine {
  n: number;
  at: string;
  by: string | null;
  what: string;
  body: { zh?: string; en?: string; note?: string; reason?: string; verdict?: Verdict; [more: string]: unknown } | null;
}

export interface Alarm extends Whereabouts {
  id: string;
  kind: string;
  title: string;
  title_en: string;
  rule: string;
  severity: Severity;
  severity_zh: string;
  state: AlarmState;
  state_zh: string;
  gateway: string;
  point: string | null;
  label: string | null;
  zone?: string | null;
  raised: string;
  arrived: string | null;
  changed: string;
  marks: string[];
  reason: Reason | null;
  advice: string | null;
  advice_en: string | null;
  relapses: number;
  acknowledged: Deed | null;
  returned: string | null;
  closed: Deed | null;
  verdict: Verdict | null;
  exception: string | null;
  retired: boolean;
  recorded: boolean;
  version?: number;
  incident?: { id: string; first: boolean; place: number; new_zone: boolean } | null;
  sounds?: boolean;
  blind?: Both | null;
  history?: HistoryLine[];
}

export type TicketState = "verify" | "dispatch" | "accept" | "rectifying" | "recheck" | "suspended" | "closed" | "void";

export interface Person {
  id: string;
  name: string;
  role: string;
  phone: string | null;
  grid?: string;
  grid_name?: string;
}

export interface Ticket extends Whereabouts {
  id: string;
  kind: string;
  title: string;
  title_en: string;
  rule: string;
  severity: Severity;
  severity_zh: string;
  state: TicketState;
  state_zh: string;
  subject: string;
  gateway: string | null;
  point: string | null;
  label: string | null;
  opened: string;
  raised: string;
  deadlines: { accept?: string | null; rectify?: string | null };
  overdue: boolean;
  flags: string[];
  marks: string[];
  recurrences: number;
  proven: boolean;
  reason: Reason | null;
  advice: string | null;
  advice_en: string | null;
  basis: string | null;
  basis_en: string | null;
  accepted: Deed | null;
  submitted?: Deed | null;
  closed: Deed | null;
  note: string | null;
  retired: boolean;
  changed: string;
  version?: number;
  holder?: { grid: string; grid_name: string | null; level: Level | "brigade"; person?: Person | null; since: string } | null;
  next?: { at: string; what: string } | null;
  listed?: boolean;
  escalations?: Escalation[];
  evidence?: { proven: boolean; holds: boolean; calm_since?: string | null; closable_from?: string | null; text: Both } | null;
  hides?: number;
  folded_into?: string | null;
  history?: HistoryLine[];
}

/** One level up: from whom, to whom, and which deadline had passed. */
export interface Escalation {
  at: string;
  from: { grid?: string; level?: string } | string | null;
  to: { grid?: string; level?: string } | string | null;
  missed: string | null;
  listed: boolean;
}

export interface Problem extends Both { code: string }

export interface Health {
  status: string;
  problems: Problem[];
  now: string;
  region: string;
  region_name: string | null;
  version: string;
  commit_failing_since: string | null;
  last_commit: string | null;
  last_event: number;
  gateways: { total: number; online: number; conflicts: number; unassigned: number };
  points: { total: number; speaking: number };
}

export interface Grid {
  id: string;
  name: string;
  level: Level;
  level_zh: string;
  parent: string | null;
  units: number;
  retired: boolean;
}

/** How much of a grid is watched, and what is open in it. */
export interface Coverage {
  grid: string;
  name: string;
  level: Level;
  parent: string | null;
  units: number;
  gateways: number;
  points: number;
  watched: number;
  blind: number;
  shielded: number;
  in_test: number;
  never: number;
  fires: number;
  alarms: number;
  tickets: number;
  overdue: number;
}

export interface Unit {
  id: string;
  name: string;
  grid: string;
  grid_path: GridPath | null;
  address: string | null;
  contact: string | null;
  phone: string | null;
  class: string | null;
  gateways: string[];
  retired: boolean;
}

export interface Building {
  id: string;
  unit: string;
  name: string;
  floors_above: number | null;
  floors_below: number | null;
  use: string | null;
  use_zh?: string | null;
  height: number | null;
}

export interface Device {
  gateway: string;
  device: string;
  name: string | null;
  building: string | null;
  place: string | null;
  maker: string | null;
  model: string | null;
}

export interface Lane {
  position: string | null;
  head: string | null;
  behind: number | null;
  horizon: string | null;
  behind_ms: number | null;
  want_refresh: string | null;
  spans: string[];
}

export interface Gateway {
  gateway: string;
  unit: string | null;
  unit_name: string | null;
  online: boolean;
  last_heard: string | null;
  clock: string | null;
  clock_offset_ms: number | null;
  spool: { health: string; depth: number; age_ms: number } | null;
  lanes: { urgent: Lane; routine: Lane };
  points: number;
  holes: number;
  dead_letters: number;
  refused_by_broker: number;
  taken_over: number;
  conflict: string | null;
  blind_devices?: { device: string; since: string | null; points: number }[];
}

export interface Hole {
  id: string;
  gateway: string;
  lane: string;
  kind_zh: string;
  kind_en: string;
  told_by: string;
  arrived: string;
  evidence: { told?: { marker?: Marker } } | null;
}

export interface Marker {
  reason: string;
  first?: string;
  fires?: { n: string; vs: string }[];
  more?: { fires?: number };
}

export interface DeadLetter { id: string; topic: string; index: number | null; arrived: string; reason: string }
export interface Stretch { span: string; from: string; until: string; gap: string; gap_zh: string; gap_en: string }

export interface Point {
  point: string;
  label: string;
  gateway: string;
  unit: string | null;
  unit_name: string | null;
  lane: "urgent" | "routine";
  zone: string | null;
  tags: string[];
  si_unit: string | null;
  value: { text: string; zh: string; states?: string[]; number?: number; shown?: number; shown_unit?: string } | null;
  quality: string;
  time: string | null;
  sight: { state: string; last?: string };
  can_speak: boolean;
  why_not: Reason | null;
}

export interface Limit extends Both { rule: string; step: string; side: "below" | "above"; value: number }

export interface Series {
  point: string;
  label: string | null;
  unit: string | null;
  shown_unit: string | null;
  shown_factor: number | null;
  from: string;
  to: string;
  step_ms: number;
  buckets: { start: string; min: number | null; mean: number | null; max: number | null; count: number }[];
  rule_limits?: Limit[];
}

export interface CentreEvent {
  id: number;
  kind: string;
  at: string;
  body: Record<string, unknown>;
}

export interface Events { items: CentreEvent[]; next: string | null; gap: boolean; now: string }

export interface Scene { id: string; zh: string; en: string; description: string | null; description_en?: string | null; running: boolean }
export interface Demo { holds: string; holds_en?: string | null; scenes: Scene[] }
