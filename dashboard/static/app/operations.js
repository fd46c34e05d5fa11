// The GraphQL operations of the dashboard.

export const LOG_IN = `mutation LogIn($input: LogInInput!) {
  logIn(input: $input) {
    session { accessToken expiresAt refreshToken refreshExpiresAt }
    secondFactor { token expiresAt }
    refusal { code message field }
  }
}`;

export const FINISH_LOG_IN = `mutation FinishLogIn($input: FinishLogInInput!) {
  finishLogIn(input: $input) {
    session { accessToken expiresAt refreshToken refreshExpiresAt }
    refusal { code message field }
  }
}`;

export const REFRESH = `mutation Refresh($input: RefreshSessionInput!) {
  refreshSession(input: $input) {
    session { accessToken expiresAt refreshToken refreshExpiresAt }
    refusal { code message field }
  }
}`;

export const LOG_OUT = `mutation LogOut { logOut { ended refusal { code message field } } }`;

const FIGURES = `fragment Figures on Panel {
  code
  status
  lastSeenAt
  isCounted
  today { date energyKwh registerNowKwh cost { amount currency } }
  prepaid {
    meterNumber
    balanceKwh
    balanceAt
    estimatedBalanceKwh
    forecast { method historyDays daysLeft depletesAt { p10 p50 p90 } }
  }
}`;

const HOUR = `hour: readings(range: LAST_1H, maxPoints: 720) {
  atMs
  activePowerKw
  missing { from to }
}`;

export const PANELS = `query Panels($first: Int!, $after: Cursor) {
  viewer { role }
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
      latestReading { at activePowerKw energyImportKwh flags }
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

const REFUSAL = 'refusal { code message field }';

const RECEIPT = `fragment Parts on Receipt {
  gross { amount currency }
  lines { kind name amount percent }
  unitPrice
  unitsKwh
  repaidKwh
  addedKwh
  tariffName
}`;

export const QUOTE = `query Quote($code: String!, $amount: MoneyInput, $unitsKwh: Decimal) {
  panel(code: $code) { prepaid { quote(amount: $amount, unitsKwh: $unitsKwh) { ...Parts } } }
}
${RECEIPT}`;

export const TOP_UP = `mutation TopUp($input: TopUpInput!) {
  topUp(input: $input) { entry { unitsKwh paid { amount currency } } ${REFUSAL} }
}`;

export const RECORD_BALANCE = `mutation RecordBalance($input: RecordBalanceInput!) {
  recordBalance(input: $input) { entry { shownKwh } ${REFUSAL} }
}`;

export const RECORD_READING = `mutation RecordReading($input: RecordReadingInput!) {
  recordReading(input: $input) { typedReading { energyImportKwh } ${REFUSAL} }
}`;

export const SET_LOW_UNITS = `mutation SetLowUnits($input: SetLowUnitsRuleInput!) {
  setLowUnitsRule(input: $input) { ${REFUSAL} }
}`;

export const TAKE_EMERGENCY = `mutation TakeEmergency($input: TakeEmergencyCreditInput!) {
  takeEmergencyCredit(input: $input) { entry { unitsKwh } ${REFUSAL} }
}`;

export const SET_EMERGENCY = `mutation SetEmergency($input: SetEmergencyCreditInput!) {
  setEmergencyCredit(input: $input) { ${REFUSAL} }
}`;

export const RECORD_DEBT = `mutation RecordDebt($input: RecordDebtInput!) {
  recordDebt(input: $input) { entry { id } ${REFUSAL} }
}`;

export const MAKE_TOKEN = `mutation MakeToken($input: GenerateTokenInput!) {
  generateToken(input: $input) { token { digits unitsKwh } ${REFUSAL} }
}`;

export const REVERSE = `mutation Reverse($input: ReverseEntryInput!) {
  reverseEntry(input: $input) { entry { id } ${REFUSAL} }
}`;

export const ACCOUNT = `query Account($code: String!) {
  panel(code: $code) {
    prepaid {
      debt { amount currency }
      emergencyCredit { limitKwh availableBelowKwh takenKwh isAvailable }
      lowUnits { thresholdKwh thresholdDays }
      openPaygo { kwhPerValue tokensNotEntered { digits unitsKwh madeAt } }
    }
  }
}`;

export const LEDGER = `query Ledger($code: String!, $first: Int!) {
  panel(code: $code) {
    prepaid {
      ledger(first: $first) {
        pageInfo { hasNextPage }
        nodes {
          id
          at
          kind
          unitsKwh
          shownKwh
          paid { amount currency }
          tokenEnding
          source
          debtChange { amount currency }
          reverses
          reversedBy
          reason
          receipt { ...Parts }
        }
      }
    }
  }
}
${RECEIPT}`;

const RUNS_OUT = 'method historyDays madeAt dataUpTo dataAgeS balanceKwh daysLeft depletesAt { p10 p50 p90 }';
const COLUMNS = 'startsAt p10Kwh p50Kwh p90Kwh';
const EXPECTED = `expectedUsage { daily { ${COLUMNS} } hourly { ${COLUMNS} } }`;

export const OUTLOOK = `query Outlook($code: String!) {
  panel(code: $code) {
    prepaid {
      forecast { ${RUNS_OUT} ${EXPECTED} backtest { resolvedCount coveragePercent medianAbsoluteErrorHours } }
    }
  }
}`;

export const WHAT_IF = `query WhatIf($code: String!, $amount: MoneyInput, $less: Float) {
  panel(code: $code) {
    prepaid { whatIf(topUpAmount: $amount, useLessPercent: $less) { ${RUNS_OUT} ${EXPECTED} } }
  }
}`;

export const MONTH_FORECAST = `query MonthForecast($code: String!) {
  panel(code: $code) {
    monthForecast {
      energySoFarKwh
      costSoFar { amount currency }
      energy { p10Kwh p50Kwh p90Kwh }
      cost { p10 { amount currency } p50 { amount currency } p90 { amount currency } }
      energyChangePercent
    }
  }
}`;

export const TARIFF = `query Tariff($code: String!) {
  panel(code: $code) {
    currentPrice { currency priceWithTaxes bandName changesAt changesAtKwh }
    tariff {
      name
      timeZone
      currency
      bands {
        name
        blocks { fromKwh toKwh priceWithTaxes }
        windows { fromTime toTime weekdays months }
      }
      standingCharges { name amount per }
      minimumCharge
      taxes { name percent }
      vending { fees { name amount percent } stampDuty { amount above } debtPercent minimum }
      note
    }
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
    ... on PanelStatusSnapshot { cursor isWhole isComplete states { panelCode status lastSeenAt } }
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
