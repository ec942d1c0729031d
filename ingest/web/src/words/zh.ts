/** 中文界面用语。en.ts 有同样的键。 */
export default {
  name: "火网",
  centre: "消防物联网监控中心",
  nav: {
    label: "主导航", wall: "监控大屏", alarms: "报警处置", tickets: "隐患工单", grids: "网格", trends: "趋势曲线",
    gateways: "网关", people: "人员", demo: "演示", more: "更多", desk: "进入工作台", skip: "跳到正文",
    language: "EN", languageTo: "切换到英文界面",
  },
  contact: {
    connecting: "正在连接监控中心…", here: "已连接",
    lost: "与监控中心失去联系", lostSince: "自 {at} 起。以下内容是旧的，不代表现在。", lostNever: "从未收到数据。",
    lostAfter: "已失联 {time}", failing: "数据无法入库",
    failingSince: "自 {at} 起。新报警仍会显示并标注“未入库”，请立即通知系统管理员。",
  },
  sound: {
    on: "正在发声", ready: "声音就绪", blocked: "声音被浏览器阻止", turnOn: "点击开启声音", off: "声音未开启",
  },
  person: {
    nobody: "未填写姓名", ask: "您是谁？", why: "确认、接单、结案等每一步都会记下处理人姓名。", name: "姓名", go: "继续", cancel: "取消", change: "更改姓名",
  },
  outcome: {
    refused: "未受理：", "not-latest": "他人已先处理：", unreached: "没有送到监控中心，不能确定是否已执行，请查看最新状态后重试。", nobody: "没有填写姓名，未执行。",
  },
  mark: {
    historical: "历史", shielded: "屏蔽中", testing: "测试中", provisional: "心跳上报", uncertain: "情况不确定", overdue: "已超时", listed: "挂牌督办",
    folded: "已归并", reopened: "重新打开", "self-healed": "已自愈",
  },
  severity: { info: "提示", general: "一般", serious: "突出", major: "重大" },
  alarm: {
    state: {
      "active-unacked": "报警中 · 未确认", "active-acked": "报警中 · 已确认", "returned-unacked": "已恢复 · 未确认",
      "returned-acked": "已恢复 · 待定性", closed: "已关闭",
    },
    unrecorded: "未入库", acknowledge: "确认", acknowledgeAll: "确认全部 {n} 个", takenBy: "{by} 已确认",
    unitUnknown: "单位待归属",
  },
  ticket: {
    state: {
      verify: "待核实", dispatch: "待派单", accept: "待接单", rectifying: "整改中", recheck: "待复查", suspended: "挂账", closed: "已结案", void: "误报作废",
    },
  },
  wall: {
    title: "消防监控大屏", fires: "火警", others: "其他报警", unacked: "未确认", tickets: "未结工单",
    first: "首警", latest: "最新", detectors: "{n} 个探测器报警", zones: "分区", place: "位置", address: "地址", contact: "联系", grid: "网格",
    noPhone: "无登记电话", moreFires: "还有 {n} 起火警", moreFiresHint: "点击查看全部", allFires: "火警 {n} 起 · {alarms} 个探测器",
    calm: "当前没有火警", calmWatched: "{n} 个监测点全部可信", calmGaps: "没有收到火警，但监视有缺口", calmUnknown: "尚不知道现场情况",
    calmLost: "不知道现在有没有火警", calmLostMore: "与监控中心失去联系",
    returned: "已恢复，待处理", more: "另有 {n} 条",
    coverage: "监视覆盖", unitsBlind: "{n} 家单位看不见",
    reasonNone: "没有缺口", map: "网格态势", mapText: "{name}：{what}", mapCalm: "正常", mapNothing: "无数据",
    mapFire: "火警 {n}", mapAlarm: "报警 {n}", mapTicket: "工单 {n}", mapBlind: "看不见 {n}", mapMissing: "监控中心未提供按网格统计的覆盖情况。",
    mapEmpty: "还没有登记单位的网格", faults: "未结隐患", faultsNone: "没有未结工单", feed: "最新动态", feedNone: "还没有动态",
  },
  figure: { fires: "火警", others: "其他报警", tickets: "未结工单", blindPoints: "看不见的点", gateways: "离线网关" },
  figureMore: { unacked: "未确认 {n}", overdue: "超时 {n}", of: "共 {n}", detectors: "{n} 个探测器" },
  sight: { watched: "可信", blind: "看不见", shielded: "屏蔽", inTest: "测试中", never: "从未上报", unsure: "故障或未知" },
  silence: { offline: "离线", notSince: "中心启动后未联系", never: "从未联系" },
  lane: { urgent: "紧急数据", routine: "常规数据" },
  event: {
    alarm: "报警", ticket: "工单", note: "记录", hole: "数据缺口", gateway: "网关", registry: "台账", incident: "火情", grid: "网格", unit: "单位", person: "人员",
  },
  role: {
    operator: "值班员", "grid-worker": "网格员", "grid-head": "网格长", "unit-manager": "单位消防安全管理人", brigade: "消防大队", administrator: "系统管理员",
  },
  quality: {
    good: "良好", "out-of-range": "超出量程", "sensor-fault": "传感器故障", stuck: "数值停滞",
  },
  step: {
    raised: "发生", confirmed: "已由读数证实", escalated: "逐级上报", calmed: "恢复", returned: "退回", "raised-again": "再次发生", relapsed: "再次发生", acknowledged: "已确认",
    closed: "已关闭", opened: "立案", "passed-over": "该级无人，直接上移", "rule-changed": "规则已变更", "further-step": "进一步恶化", "step-cleared": "部分恢复",
    moved: "划归其他网格", "look-again": "督办复查到期", accepted: "已接单", submitted: "已提交复查", proven: "已证明恢复", "handed-over": "已移交", voided: "作废",
    reopened: "重新打开", folded: "归并", unfolded: "解除归并", overdue: "超时", listed: "挂牌督办", retired: "点位已变更", "self-healed": "自愈", cleared: "恢复",
    recurred: "复发", revised: "内容已更正", unassigned: "未登记的网关", assigned: "已归属单位", "conflict-settled": "身份冲突已核实", imported: "已导入",
  },
  page: {
    reading: "正在读取…", missing: "没有找到。", failed: "没有收到监控中心的答复，正在重试。", cut: "还有更多未显示。", older: "还有更早的记录。", old: "本页有内容没有读到最新，显示的可能是旧的，正在重试。",
    act: "处置", show: "显示范围", notTold: "监控中心未提供。",
  },
  verdict: { real: "真实火警", false: "误报", test: "测试", drill: "演练" },
  alarms: {
    open: "未关闭报警", closed: "已关闭", none: "没有报警", noneMore: "没有报警不等于平安：请同时查看监视覆盖。", what: "报警", where: "单位与位置", raised: "发生时间",
    state: "状态", verdict: "定性", place: "第 {n} 个", giveVerdict: "去定性", verdictAsk: "现场核实结果", exception: "例外关闭的原因（尚无证据表明已恢复）", exceptionName: "例外原因",
    close: "定性并关闭", arrived: "到达中心", returned: "恢复时间", closedBy: "关闭", incident: "同一起火警", newZone: "新分区",
  },
  detail: {
    facts: "基本情况", where: "位置与联系", history: "处置记录", historyNone: "还没有入库，暂无记录。", why: "依据", advice: "处置建议", basis: "规范依据", relapses: "再次报警次数", point: "监测点", unit: "单位",
  },
  tickets: {
    filter: "筛选", state: "状态", severity: "等级", any: "不限", open: "全部未结", onlyOverdue: "只看超时", clear: "清除", none: "没有符合条件的工单", noneMore: "",
    what: "隐患", holder: "当前责任人", next: "下一期限", opened: "立案时间", nobody: "未登记人员", hides: "含 {n} 项", hidesTitle: "归并的工单", foldedInto: "已归并到另一张工单",
    proven: "已证明恢复", to: "移交给", oneUp: "上一级网格", reason: "原因", note: "说明", exception: "例外结案：传感器已无法证明恢复", second: "复核人（另一人）",
    recurrences: "复发次数", acceptBy: "接单期限", rectifyBy: "整改期限", person: "责任人", since: "接手时间", noHolder: "没有当前责任人。", climbed: "逐级上报", missed: "错过：{what}",
  },
  deed: { accept: "接单", submit: "提交复查", return: "退回", "hand-over": "移交", void: "作废", close: "结案" },
  deedMore: {
    accept: "", submit: "整改已完成，请说明做了什么，等待复查。", return: "不属于本人，或没有整改到位，退回并说明原因。", "hand-over": "移交给另一人；不选人则上交上一级网格。",
    void: "确属误报才可作废，须由传感器证明已恢复。", close: "须由传感器证明恢复并稳定后才能结案。",
  },
  next: { late: "已超 {time}", left: "剩余 {time}", accept: "接单", dispatch: "派单", rectify: "整改", recheck: "复查", review: "督办检查" },
  evidence: { title: "恢复证据", proven: "已证明恢复，可以结案", holds: "隐患仍在，不能结案", open: "尚未证明恢复", calmSince: "自", closableFrom: "最早可结案" },
  curve: { title: "故障前后", key: "实线为读数，点线为数值保持不变，灰色为无人担保的时段（不画线），红色虚线为限值。", blind: "无人担保", none: "这段时间没有读数", raised: "发生" },
  level: { region: "区域", large: "大网格", middle: "中网格", small: "小网格", brigade: "消防大队" },
  grids: { tree: "网格树", withEmpty: "显示无单位的网格", units: "单位", unitsTitle: "联网单位", allTickets: "全部工单" },
  unitClass: {
    "high-rise-public-1": "一类高层公共建筑", "high-rise-public-2": "二类高层公共建筑", "high-rise-residential": "高层住宅", "multi-storey-public": "多层公共建筑", industrial: "工业建筑", other: "其他",
  },
  units: {
    buildings: "建筑", noBuildings: "没有登记建筑。", floors: "地上 {above} 层 地下 {below} 层", noGateway: "没有登记网关。", pastAlarms: "已关闭的报警", pastTickets: "已结的工单", devices: "设备", noDevices: "没有登记设备。",
    device: "设备", building: "建筑", model: "厂家型号", points: "监测点", seek: "搜索监测点", notable: "异常", analog: "模拟量", all: "全部",
    nothing: { allNormal: "没有异常的监测点", noneKnown: "没有已知的监测点，或网关没有联系：不代表正常", noPoint: "没有符合条件的监测点" },
    reading: "读数", sight: "可信", told: "读数时间",
  },
  trends: {
    title: "曲线", range: "时间范围", choose: "选择监测点（最多 6 个）", hours1: "1 小时", hours6: "6 小时", hours24: "24 小时", hours168: "7 天", values: "数值", last: "最新", lowest: "最低", highest: "最高", gaps: "缺口",
  },
  gateways: {
    online: "在线", onlineOf: "在线 {online} / {total}", points: "{n} 个监测点", none: "还没有网关", gateway: "网关", state: "状态", heard: "最后联系",
        spool: "网关待送", nowhere: "待归属网关", nowhereMore: "这些网关在说话，但没有登记到任何单位：其报警会显示，却不知道地址。", chooseUnit: "选择单位", assign: "归属到该单位",
    conflict: "两台设备同一编号", conflictMore: "两台设备使用同一身份，开始于", settle: "已核实：以当前上报的设备为准", spoolFailing: "存储故障", takenOver: "连接被抢占 {n} 次", refused: "消息服务器拒收 {n} 批",
    unsynced: "时钟未同步", synced: "时钟已同步", holesN: "缺口 {n}", lettersN: "无法读取 {n}", wants: "等待全量刷新", unknownSilent: "离线，现状未知", unknownConflict: "身份冲突，无法判断", allReceived: "全部已收",
    behind: "差 {n} 批", backlog: "正在补送早先数据", judgedBehind: "研判滞后 {time}", slow: "（网关慢 {time}）", fast: "（网关快 {time}）", clock: "时钟", spoolSays: "{n} 条", oldest: "最旧 {time}",
    received: "接收", horizon: "研判至", position: "已收位置", head: "网关最新", blindDevices: "看不见的设备", holes: "数据缺口", noHoles: "没有缺口。", letters: "无法读取的数据", noLetters: "没有无法读取的数据。",
    vouched: "有据可查的时段", noVouched: "还没有。", before: "此前未知：", evidence: "证据", firesMore: "另有 {n} 条未能列出", firesInside: "其间火警：{fires}",
  },
  gap: { quota: "存储配额已满", damaged: "存储损坏", refused: "消息服务器拒收", forgotten: "已按回执删除" },
  people: { seek: "搜索姓名、网格、电话", none: "没有登记人员", role: "岗位", phone: "电话" },
  demo: { title: "演示场景", none: "这里不是演示系统。", running: "正在进行", start: "开始", watch: "开始后请看：" },
} as const;
