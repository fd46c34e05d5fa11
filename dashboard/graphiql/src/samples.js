// The operations that a first visit finds in its tabs, and the Samples panel opens again.

export const SAMPLES = [
  {
    title: 'Panels now',
    about: 'Every panel you may see, with its status, its last reading and what it used today.',
    query: `query Panels {
  panels {
    totalCount
    nodes {
      code
      name
      location
      status
      lastSeenAt
      latestReading { at activePowerKw powerFactor energyImportKwh }
      today { energyKwh cost { amount currency } peakKw }
    }
  }
}
`,
  },
  {
    title: 'Live readings',
    about: 'Each reading as it is stored, over a websocket. Press play and watch.',
    query: `subscription LiveReadings {
  panelReadings {
    __typename
    ... on ReadingReceived {
      panel { code }
      reading { at activePowerKw energyImportKwh }
      cursor
    }
    ... on Heartbeat { at }
  }
}
`,
  },
  {
    title: 'A day as a chart',
    about: 'The power of the last 24 hours in 300 points that keep its shape and its peaks, and where readings miss.',
    query: `query Chart {
  panels(first: 1, orderBy: { field: POWER_NOW, direction: DESC }) {
    nodes {
      code
      readings(range: LAST_24H, maxPoints: 300, downsampling: MIN_MAX_LTTB) {
        count
        downsampledFrom
        atMs
        activePowerKw
        missing { from to }
      }
    }
  }
}
`,
  },
  {
    title: 'Today, live',
    about: 'What each panel has used since its midnight and what that costs, again as readings come.',
    query: `subscription UsageToday {
  usageToday {
    __typename
    ... on UsageTodaySnapshot { states { ...Day } }
    ... on UsageTodayChanged { at state { ...Day } }
  }
}

fragment Day on PanelUsageToday {
  panelCode
  today { energyKwh cost { amount currency } peakKw }
}
`,
  },
  {
    title: 'Units left, live',
    about: 'How much credit each prepaid meter has and when it runs out, again with each new forecast.',
    query: `subscription UnitsLeft {
  depletionForecast {
    __typename
    ... on DepletionForecastSnapshot { states { ...Credit } }
    ... on DepletionForecastChanged { at state { ...Credit } }
  }
}

fragment Credit on PanelDepletionForecast {
  panelCode
  balanceKwh
  forecast { method daysLeft depletesAt { p10 p50 p90 } }
}
`,
  },
  {
    title: 'Month by panel',
    about: 'Energy and cost of a month for each panel and the building, against the same days of the month before.',
    query: `query MonthByPanel($year: Int!, $month: Int!) {
  monthlySummary(year: $year, month: $month) {
    panels {
      panel { code name }
      energyKwh
      cost { amount currency }
      isPartial
      previous { energyChangePercent }
    }
    total {
      energyKwh
      cost { amount currency }
      previous { lastDay energyKwh energyChangePercent costChangePercent }
    }
  }
  rateLimit { cost limit remaining resetAt }
}
`,
    variables: JSON.stringify({ year: new Date().getFullYear(), month: new Date().getMonth() + 1 }, null, 2),
  },
];
