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
    connecting: "Connecting to the centre …", here: "Connected",
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
    historical: "historical", shielded: "shielded", testing: "in test", provisional: "told by a heartbeat", uncertain: "uncertain", overdue: "overdue", listed: "supervised",
    folded: "folded", reopened: "reopened", "self-healed": "self-healed",
  },
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
    title: "Live wall", fires: "Fires", others: "Other alarms", unacked: "Untaken", tickets: "Open tickets",
    first: "First", latest: "Latest", detectors: "{n} detectors", zones: "Zones", place: "Place", address: "Address", contact: "Contact", grid: "Grid",
    noPhone: "no phone entered", moreFires: "{n} more fires", moreFiresHint: "Show all", allFires: "Fires {n} · detectors {alarms}",
    calm: "No fire now", calmWatched: "All {n} points can speak", calmGaps: "No fire was told, but not everything is watched", calmUnknown: "Nothing is known yet",
    calmLost: "Nobody knows whether anything burns", calmLostMore: "The centre is lost",
    returned: "Returned, to be handled", more: "{n} more",
    coverage: "Coverage", unitsBlind: "{n} units unseen",
    reasonNone: "No gap", map: "Grids", mapText: "{name}: {what}", mapCalm: "calm", mapNothing: "no data",
    mapFire: "fire {n}", mapAlarm: "alarm {n}", mapTicket: "open {n}", mapBlind: "unseen {n}", mapMissing: "This centre does not tell its coverage by grid.",
    mapEmpty: "No grid has a unit yet", faults: "Open hazards", faultsNone: "No open ticket", feed: "Latest", feedNone: "Nothing has happened yet",
  },
  figure: { fires: "Fires", others: "Other alarms", tickets: "Open tickets", blindPoints: "Points unseen", gateways: "Gateways silent" },
  figureMore: { unacked: "{n} untaken", overdue: "{n} overdue", of: "of {n}", detectors: "{n} detectors" },
  sight: { watched: "can speak", blind: "unseen", shielded: "shielded", inTest: "in test", never: "never told", unsure: "faulty or unknown" },
  silence: { offline: "silent", notSince: "not heard since the centre began", never: "never heard" },
  lane: { urgent: "Urgent lane", routine: "Routine lane" },
  event: {
    alarm: "Alarm", ticket: "Ticket", note: "Note", hole: "Hole in the data", gateway: "Gateway", registry: "Registry", incident: "Incident", grid: "Grid", unit: "Unit", person: "Person",
  },
  role: {
    operator: "Operator", "grid-worker": "Grid worker", "grid-head": "Head of grid", "unit-manager": "Fire-safety manager of the unit",
    brigade: "Fire brigade", administrator: "Administrator",
  },
  quality: {
    good: "good", "out-of-range": "out of range", "sensor-fault": "sensor fault", stuck: "stuck",
  },
  step: {
    raised: "raised", confirmed: "confirmed", escalated: "went one level up", calmed: "calm again", returned: "handed back",
    "raised-again": "raised once more", relapsed: "raised again", acknowledged: "acknowledged", closed: "closed", opened: "opened",
    "passed-over": "nobody there: passed over", "rule-changed": "rule changed", "further-step": "became worse", "step-cleared": "partly returned",
    moved: "moved to another grid", "look-again": "supervision due", accepted: "accepted", submitted: "submitted", proven: "proven mended",
    "handed-over": "handed over", voided: "void", reopened: "reopened", folded: "folded", unfolded: "unfolded", overdue: "overdue",
    listed: "supervised", retired: "point changed", "self-healed": "healed by itself", cleared: "cleared", recurred: "recurred", revised: "revised",
    unassigned: "an unknown gateway speaks", assigned: "assigned to a unit", "conflict-settled": "conflict settled", imported: "imported",
  },
  page: {
    reading: "Reading …", missing: "There is no such thing.", failed: "The centre did not answer; trying again.", cut: "There are more than are shown here.", older: "There are older ones.", old: "Something on this page could not be read again and may be old; trying again.",
    act: "Act", show: "Show", notTold: "This centre does not tell.",
  },
  verdict: { real: "Real fire", false: "False alarm", test: "Test", drill: "Drill" },
  alarms: {
    open: "Open alarms", closed: "Closed", none: "No alarm", noneMore: "No alarm does not mean calm: look at the coverage too.", what: "Alarm", where: "Unit and place", raised: "Raised",
    state: "State", verdict: "Verdict", place: "No. {n}", giveVerdict: "Give a verdict", verdictAsk: "What was found on site", exception: "Why it is closed although nothing proves that it is over", exceptionName: "Exception",
    close: "Close with this verdict", arrived: "arrived", returned: "Returned", closedBy: "Closed", incident: "Of the same fire", newZone: "new zone",
  },
  detail: {
    facts: "Facts", where: "Place and contact", history: "History", historyNone: "Not recorded yet: no history.", why: "Why", advice: "Advice", basis: "Rule rests on", relapses: "Raised again", point: "Point", unit: "Unit",
  },
  tickets: {
    filter: "Filters", state: "State", severity: "Severity", any: "Any", open: "All open", onlyOverdue: "Overdue only", clear: "Clear", none: "No such ticket", noneMore: "",
    what: "Hazard", holder: "Whose turn", next: "Next deadline", opened: "Opened", nobody: "nobody entered", hides: "hides {n}", hidesTitle: "Folded tickets", foldedInto: "Folded into another ticket",
    proven: "proven mended", to: "Hand over to", oneUp: "One grid level up", reason: "Reason", note: "Note", exception: "Exception: the sensor can never prove it", second: "Second person",
    recurrences: "Raised", acceptBy: "Accept by", rectifyBy: "Rectify by", person: "Person", since: "Since", noHolder: "It is nobody's turn.", climbed: "Went one level up", missed: "missed: {what}",
  },
  deed: { accept: "Accept", submit: "Submit", return: "Return", "hand-over": "Hand over", void: "Void", close: "Close" },
  deedMore: {
    accept: "", submit: "It is mended: say what was done. It will be rechecked.", return: "Not yours, or not mended: send it back and say why.", "hand-over": "To another person; without one it goes a grid level up.",
    void: "Only what was false may be void, and the sensor must prove that it is over.", close: "It closes only when the sensor has proven that it is mended.",
  },
  next: { late: "{time} late", left: "{time} left", accept: "accept by", dispatch: "dispatch by", rectify: "rectify by", recheck: "recheck by", review: "review by" },
  evidence: { title: "Evidence", proven: "Proven mended: may be closed", holds: "It still holds: cannot be closed", open: "Not proven yet", calmSince: "Calm since", closableFrom: "closable from" },
  curve: { title: "Round the fault", key: "Solid: readings. Dotted: the value stood. Grey: nobody vouched, nothing is drawn. Dashed red: limits.", blind: "nobody vouched", none: "No reading in this time", raised: "raised" },
  level: { region: "Region", large: "Large grid", middle: "Middle grid", small: "Small grid", brigade: "Fire brigade" },
  grids: { tree: "Grid tree", withEmpty: "show grids without units", units: "Units", unitsTitle: "Units", allTickets: "All tickets" },
  unitClass: {
    "high-rise-public-1": "High-rise public, class 1", "high-rise-public-2": "High-rise public, class 2", "high-rise-residential": "High-rise residential", "multi-storey-public": "Multi-storey public", industrial: "Industrial", other: "Other",
  },
  units: {
    buildings: "Buildings", noBuildings: "No building is entered.", floors: "{above} floors, {below} below ground", noGateway: "No gateway is entered.", pastAlarms: "Closed alarms", pastTickets: "Closed tickets", devices: "Devices", noDevices: "No device is entered.",
    device: "Device", building: "Building", model: "Maker and model", points: "Points", seek: "Find a point", notable: "Not normal", analog: "Analog", all: "All",
    nothing: { allNormal: "Every point is normal", noneKnown: "No point is known, or its box is silent: that does not mean normal", noPoint: "No such point" },
    reading: "Reading", sight: "Sight", told: "Read at",
  },
  trends: {
    title: "Curves", range: "Range", choose: "Choose up to 6 points", hours1: "1 hour", hours6: "6 hours", hours24: "24 hours", hours168: "7 days", values: "Values", last: "Last", lowest: "Lowest", highest: "Highest", gaps: "Gaps",
  },
  gateways: {
    online: "online", onlineOf: "{online} of {total} online", points: "{n} points", none: "No gateway yet", gateway: "Gateway", state: "State", heard: "Last heard",
        spool: "In its spool", nowhere: "Gateways that belong nowhere", nowhereMore: "They speak but are entered for no unit: their alarms show, but nobody knows the address.", chooseUnit: "Choose a unit", assign: "Belongs there",
    conflict: "two boxes, one identity", conflictMore: "Two boxes use one identity, since", settle: "Checked: the box that speaks now is right", spoolFailing: "spool failing", takenOver: "connection taken over {n} times", refused: "{n} batches refused by the broker",
    unsynced: "clock not set", synced: "clock set", holesN: "{n} holes", lettersN: "{n} unreadable", wants: "refresh wanted", unknownSilent: "silent: nobody knows", unknownConflict: "two boxes: nobody knows", allReceived: "all received",
    behind: "{n} batches behind", backlog: "an earlier backlog is under way", judgedBehind: "judged {time} behind", slow: "({time} slow)", fast: "({time} fast)", clock: "Clock", spoolSays: "{n} readings", oldest: "oldest {time}",
    received: "Received", horizon: "Judged until", position: "Position", head: "Head of the box", blindDevices: "Devices unseen", holes: "Holes", noHoles: "No hole.", letters: "Dead letters", noLetters: "No dead letter.",
    vouched: "Vouched for", noVouched: "Nothing yet.", before: "Unknown before:", evidence: "Evidence", firesMore: "and {n} more that are not listed", firesInside: "fires inside: {fires}",
  },
  gap: { quota: "quota reached", damaged: "disk damaged", refused: "refused by the broker", forgotten: "forgotten on receipts" },
  people: { seek: "Find a name, grid or phone", none: "Nobody is entered", role: "Role", phone: "Phone" },
  demo: { title: "Scenes", none: "This is no demonstration.", running: "running", start: "Start", watch: "Then watch the" },
};

export default en;
