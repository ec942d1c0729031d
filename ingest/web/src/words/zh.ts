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
    connecting: "正在连接监控中心…", here: "已连接", updated: "更新于 {at}",
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
    historical: "历史", shielded: "屏蔽中", testing: "测试中", provisional: "心跳上报", overdue: "已超时", listed: "挂牌督办",
    folded: "已归并", reopened: "重新打开", "self-healed": "已自愈",
  },
  kind: { fire: "火警", prealarm: "预警", supervisory: "监管", other: "报警" },
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
    title: "消防监控大屏", fires: "火警", others: "其他报警", unacked: "未确认", tickets: "未结工单", overdue: "超时 {n}",
    blindPoints: "看不见的点", gateways: "离线网关", of: "共 {n}",
    since: "已持续", first: "首警", latest: "最新", detectors: "{n} 个探测器报警", zones: "分区", place: "位置", address: "地址", contact: "联系", grid: "网格",
    noPhone: "无登记电话", moreFires: "还有 {n} 起火警", moreFiresHint: "点击查看全部", allFires: "火警 {n} 起 · {alarms} 个探测器",
    calm: "当前没有火警", calmWatched: "{n} 个监测点全部可信", calmGaps: "没有收到火警，但监视有缺口", calmUnknown: "尚不知道现场情况",
    calmLost: "不知道现在有没有火警", calmLostMore: "与监控中心失去联系",
    returned: "已恢复，待处理", none: "没有其他报警", more: "另有 {n} 条",
    coverage: "监视覆盖", watched: "可信", blind: "看不见", shielded: "屏蔽", inTest: "测试中", never: "从未上报", unitsBlind: "{n} 家单位看不见",
    reasonNone: "没有缺口", map: "网格态势", mapText: "{name}：{what}", mapCalm: "正常",
    mapFire: "火警 {n}", mapAlarm: "报警 {n}", mapTicket: "工单 {n}", mapBlind: "失明 {n}", mapMissing: "监控中心未提供按网格统计的覆盖情况。",
    mapEmpty: "还没有登记单位的网格", faults: "未结隐患", faultsNone: "没有未结工单", feed: "最新动态", feedNone: "还没有动态",
    stale: "旧数据",
  },
  event: {
    alarm: "报警", ticket: "工单", note: "记录", hole: "数据缺口", gateway: "网关", registry: "台账", incident: "事件", other: "动态",
  },
} as const;
