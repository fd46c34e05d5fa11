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
    title: 'Prepaid forecast',
    about: 'How many units are left on each prepaid meter, and when they run out.',
    query: `query PrepaidForecast {
  panels {
    nodes {
      code
      prepaid {
        balanceKwh
        balanceAt
        forecast {
          method
          historyDays
          daysLeft
          depletesAt { p10 p50 p90 }
        }
      }
    }
  }
}
`,
  },
  {
    title: 'Month by panel',
    about: 'Energy and cost of one month, for each panel and the whole building.',
    query: `query MonthlySummary($year: Int!, $month: Int!) {
  monthlySummary(year: $year, month: $month) {
    panels {
      panel { code name }
      energyKwh
      cost { amount currency }
      peakKw
      isPartial
    }
    total { energyKwh cost { amount currency } }
  }
}
`,
    variables: JSON.stringify({ year: new Date().getFullYear(), month: new Date().getMonth() + 1 }, null, 2),
  },
];
