/** The words of the pages in English. The keys are those of zh.ts. */
import type zh from "./zh";

type Same<T> = { readonly [K in keyof T]: T[K] extends string ? string : Same<T[K]> };

const en: Same<typeof zh> = {
  name: "Firegrid",
  centre: "Fire monitoring centre",
  nav: {
    label: "Main navigation", wall: "Live wall", alarms: "Alarms", tickets: "Tickets", grids: "Grids", trends: "Trends",
    gateways: "Gateways", people: "People", demo: "Demo", more: "More", desk: "Open the desk", skip: "Skip to content",
    language: "中文", languageTo: "Switch to Chinese",
  },
  contact: {
    connecting: "Connecting to the centre …", here: "Connected", updated: "updated {at}",
    lost: "The centre is lost", lostSince: "Since {at}. What stands below is old and says nothing about now.", lostNever: "Nothing was ever received.",
    lostAfter: "lost for {time}", failing: "Nothing can be recorded",
    failingSince: "Since {at}. New alarms still show, marked as not recorded; call the administrator now.",
  },
  sound: {
    on: "Sounding", ready: "Sound ready", blocked: "The browser blocks the sound", turnOn: "Touch to turn on sound", off: "Sound is off",
  },
  person: {
    nobody: "No name given", ask: "Who are you?", why: "Every step you take is recorded with your name.", name: "Name", go: "Go on", cancel: "Cancel", change: "Change name",
  },
  outcome: {
    refused: "Refused:", "not-latest": "Somebody was first:", unreached: "The centre was not reached. It is not known whether this was done; look at how it stands, then try again.", nobody: "Nothing was done: no name was given.",
  },
  mark: {
    historical: "historical", shielded: "shielded", testing: "in test", provisional: "told by a heartbeat", overdue: "overdue", listed: "supervised",
    folded: "folded", reopened: "reopened", "self-healed": "self-healed",
  },
  kind: { fire: "Fire", prealarm: "Pre-alarm", supervisory: "Supervisory", other: "Alarm" },
  severity: { info: "Info", general: "General", serious: "Serious", major: "Major" },
  alarm: {
    state: {
      "active-unacked": "Active · not acknowledged", "active-acked": "Active · acknowledged", "returned-unacked": "Returned · not acknowledged",
      "returned-acked": "Returned · awaits verdict", closed: "Closed",
    },
    unrecorded: "not recorded", acknowledge: "Acknowledge", acknowledgeAll: "Acknowledge all {n}", takenBy: "taken by {by}",
    unitUnknown: "Unit unknown",
  },
  ticket: {
    state: {
      verify: "To verify", dispatch: "To dispatch", accept: "To accept", rectifying: "Rectifying", recheck: "To recheck", suspended: "Suspended", closed: "Closed", void: "Void",
    },
  },
  wall: {
    title: "Live wall", fires: "Fires", others: "Other alarms", unacked: "Untaken", tickets: "Open tickets", overdue: "{n} overdue",
    blindPoints: "Points unseen", gateways: "Gateways silent", of: "of {n}",
    since: "for", first: "First", latest: "Latest", detectors: "{n} detectors", zones: "Zones", place: "Place", address: "Address", contact: "Contact", grid: "Grid",
    noPhone: "no phone entered", moreFires: "{n} more fires", moreFiresHint: "Show all", allFires: "{n} fires · {alarms} detectors",
    calm: "No fire now", calmWatched: "All {n} points can speak", calmGaps: "No fire was told, but not everything is watched", calmUnknown: "Nothing is known yet",
    calmLost: "Nobody knows whether anything burns", calmLostMore: "The centre is lost",
    returned: "Returned, to be handled", none: "No other alarm", more: "{n} more",
    coverage: "Coverage", watched: "can speak", blind: "unseen", shielded: "shielded", inTest: "in test", never: "never told", unitsBlind: "{n} units unseen",
    reasonNone: "No gap", map: "Grids", mapText: "{name}: {what}", mapCalm: "normal",
    mapFire: "{n} burning", mapAlarm: "{n} alarms", mapTicket: "{n} tickets", mapBlind: "{n} unseen", mapMissing: "This centre does not tell its coverage by grid.",
    mapEmpty: "No grid has a unit yet", faults: "Open hazards", faultsNone: "No open ticket", feed: "Latest", feedNone: "Nothing has happened yet",
    stale: "old",
  },
  event: {
    alarm: "Alarm", ticket: "Ticket", note: "Note", hole: "Hole in the data", gateway: "Gateway", registry: "Registry", incident: "Incident", other: "Event",
  },
};

export default en;
