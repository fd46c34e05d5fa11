// The GraphQL operations of the dashboard.

export const LOG_IN = `mutation LogIn($input: LogInInput!) {
  logIn(input: $input) {
    session { accessToken expiresAt }
    refusal { code message field }
  }
}`;

const FIGURES = `fragment Figures on Panel {
  code
  status
  lastSeenAt
  isCounted
  today { date energyKwh registerNowKwh cost { amount currency } }
  prepaid {
    meterNumber
    balanceKwh
    forecast { method historyDays daysLeft depletesAt { p10 p50 p90 } }
  }
}`;

const HOUR = `hour: readings(range: LAST_1H, maxPoints: 720) {
  atMs
  activePowerKw
  missing { from to }
}`;

export const PANELS = `query Panels($first: Int!, $after: Cursor) {
  panels(first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes {
      ...Figures
      name
      location
      floor
      timeZone
      isPrepaid
      latestReading { at activePowerKw energyImportKwh }
      ${HOUR}
      tariff { currency }
    }
  }
}
${FIGURES}`;

export const NOW = `query Now($first: Int!) {
  panels(first: $first) { totalCount nodes { ...Figures } }
}
${FIGURES}`;

export const LAST_HOUR = `query LastHour($code: String!) {
  panel(code: $code) { code ${HOUR} }
}`;

export const POWER = `query Power($code: String!, $range: Range!, $maxPoints: Int!) {
  panel(code: $code) {
    readings(range: $range, maxPoints: $maxPoints) { atMs activePowerKw missing { from to } }
  }
}`;

export const DAILY = `query Daily($code: String!, $days: Int!) {
  panel(code: $code) {
    dailyUsage(days: $days) { date energyKwh isPartial movingAverage30dKwh averageDailyKwh }
  }
}`;

export const PANEL_MONTH = `query PanelMonth($code: String!, $year: Int!, $month: Int!) {
  panel(code: $code) {
    monthlySummary(year: $year, month: $month) {
      energyKwh
      cost { amount currency }
      peakKw
      averagePowerFactor
      isPartial
    }
  }
}`;

export const MONTH = `query Month($year: Int!, $month: Int!) {
  monthlySummary(year: $year, month: $month) {
    panels { panel { code name } energyKwh cost { amount currency } isPartial }
    total { energyKwh cost { amount currency } }
  }
}`;

const ALERT = 'id panelCode state message raisedAt acknowledgedAt';

export const ACKNOWLEDGE = `mutation Acknowledge($input: AcknowledgeAlertInput!) {
  acknowledgeAlert(input: $input) {
    alert { ${ALERT} }
    refusal { code message field }
  }
}`;

export const TOP_UP = `mutation TopUp($input: TopUpInput!) {
  topUp(input: $input) {
    entry { unitsKwh paid { amount currency } }
    refusal { code message field }
  }
}`;

export const LIVE_READINGS = `subscription LiveReadings($codes: [String!], $after: Cursor) {
  panelReadings(codes: $codes, after: $after, heartbeatEveryS: 20) {
    __typename
    ... on ReadingSnapshot { cursor panels { code latestReading { at activePowerKw energyImportKwh } } }
    ... on ReadingReceived { cursor panelCode reading { at activePowerKw energyImportKwh } }
    ... on Heartbeat { cursor isCurrent }
    ... on Gap { cursor reason }
  }
}`;

export const LIVE_STATUS = `subscription LiveStatus($codes: [String!], $after: Cursor) {
  panelStatus(codes: $codes, after: $after, heartbeatEveryS: 20) {
    ... on PanelStatusSnapshot { cursor states { panelCode status lastSeenAt } }
    ... on PanelStatusChanged { cursor state { panelCode status lastSeenAt } }
    ... on Heartbeat { cursor }
    ... on Gap { cursor }
  }
}`;

export const LIVE_ALERTS = `subscription LiveAlerts($after: Cursor) {
  alerts(after: $after, heartbeatEveryS: 20) {
    ... on AlertSnapshot { cursor isWhole alerts { ${ALERT} } }
    ... on AlertChanged { cursor alert { ${ALERT} } }
    ... on Heartbeat { cursor }
    ... on Gap { cursor }
  }
}`;
