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
    title: 'What 20 kWh cost',
    about: 'The least payment that buys 20 kWh now, as the receipt that it would have. Nothing is bought.',
    query: `query Quote {
  panels(first: 5, filter: { isPrepaid: true }) {
    nodes {
      code
      prepaid {
        balanceKwh
        debt { amount currency }
        quote(unitsKwh: "20") {
          gross { amount currency }
          lines { kind name amount percent }
          unitsKwh
          unitPrice
          tariffName
        }
      }
    }
  }
}
`,
  },
  {
    title: 'Top-ups with receipts',
    about: 'What changed the credit: top-ups and where their money went, displays, debts, and what was taken back.',
    query: `query Receipts {
  panels(first: 3, filter: { isPrepaid: true }) {
    nodes {
      code
      prepaid {
        ledger(first: 10) {
          nodes {
            at
            kind
            unitsKwh
            shownKwh
            reason
            reverses
            reversedBy
            receipt { gross { amount currency } lines { kind name amount percent } energyAmount addedKwh }
          }
        }
      }
    }
  }
}
`,
  },
  {
    title: 'What if',
    about: 'When the units run out, when they would if 20 kWh were bought and a fifth less used, and earlier mistakes.',
    query: `query WhatIf {
  panels(first: 3, filter: { isPrepaid: true }) {
    nodes {
      code
      prepaid {
        balanceKwh
        forecast {
          ...Left
          dataAgeS
          historyDays
          backtest { resolvedCount coveragePercent medianAbsoluteErrorHours biasHours }
          expectedUsage { daily { startsAt p10Kwh p50Kwh p90Kwh } }
        }
        whatIf(topUpKwh: "20", useLessPercent: 20) { ...Left }
      }
    }
  }
}

fragment Left on DepletionForecast {
  method
  daysLeft
  depletesAt { p10 p50 p90 }
}
`,
  },
  {
    title: 'Prices now',
    about: 'What a kWh costs each panel now and until when, with the bands, blocks, charges and taxes of its tariff.',
    query: `query Prices {
  panels(first: 20) {
    nodes {
      code
      currentPrice { currency priceWithTaxes bandName changesAt changesAtKwh }
      tariff {
        name
        bands {
          name
          blocks { fromKwh toKwh unitPrice priceWithTaxes }
          windows { fromTime toTime weekdays months }
        }
        standingCharges { name amount per }
        taxes { name percent on }
        note
      }
    }
  }
}
`,
  },
  {
    title: "The month's end",
    about: 'What each panel will have used and cost by the end of its month: low, likely and high.',
    query: `query MonthEnd {
  panels(first: 20) {
    nodes {
      code
      monthForecast {
        energySoFarKwh
        costSoFar { amount currency }
        energy { p10Kwh p50Kwh p90Kwh }
        cost { p10 { amount currency } p50 { amount currency } p90 { amount currency } }
        energyChangePercent
      }
    }
  }
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
  {
    title: 'Top up',
    about: 'Units for 5000 naira, now. Sent again with the same key it buys nothing more; another key buys again.',
    query: `mutation TopUp($input: TopUpInput!) {
  topUp(input: $input) {
    entry {
      unitsKwh
      paid { amount currency }
      receipt { lines { kind name amount percent } addedKwh }
    }
    prepaid { balanceKwh debt { amount currency } }
    refusal { code message field }
  }
}
`,
    variables: JSON.stringify(
      {
        input: {
          panelCode: 'FLAT_2B',
          amount: { amount: '5000', currency: 'NGN' },
          idempotencyKey: `sample-${Date.now()}`,
        },
      },
      null,
      2,
    ),
  },
  {
    title: 'Set a tariff',
    about: 'One price by day and a lower one at night, with a tax, from a day of next year on. For landlords.',
    query: `mutation SetTariff($input: SetTariffInput!) {
  setTariff(input: $input) {
    tariff {
      name
      bands {
        name
        blocks { fromKwh toKwh unitPrice priceWithTaxes }
        windows { fromTime toTime weekdays }
      }
      taxes { name percent on }
    }
    refusal { code message field }
  }
}
`,
    variables: JSON.stringify(
      {
        input: {
          panelCode: 'FLAT_2B',
          validFrom: `${new Date().getFullYear() + 1}-01-01`,
          tariff: {
            name: 'Day and night',
            currency: 'NGN',
            bands: [
              { name: 'Day', unitPrice: '225' },
              { name: 'Night', unitPrice: '150', windows: [{ fromTime: '22:00', toTime: '06:00' }] },
            ],
            taxes: [{ name: 'VAT', percent: '7.5' }],
          },
        },
      },
      null,
      2,
    ),
  },
  {
    title: 'Who did what',
    about: 'The newest acts on money, units and tariffs, done or refused, and by whom. For landlords and admins.',
    query: `query AuditLog {
  auditLog(first: 20) {
    nodes {
      at
      actor
      panelCode
      action
      outcome
      details { name value }
    }
  }
}
`,
  },
  {
    title: 'What is let',
    about: 'How it stands with each property, for landlords: online, low balances, use and cost, credit sold, debts.',
    query: `query Properties {
  properties {
    nodes {
      name
      overview {
        panelCount
        offlineCount
        lowBalanceCount
        vacantCount
        today { energyKwh cost { amount currency } }
        creditSold { amount currency }
        debts { amount currency }
      }
      tenancies { nodes { panelCodes startsAt endsAt isCurrent tenant { name } } }
    }
  }
}
`,
  },
  {
    title: 'What you rent',
    about: 'Your tenancies, those that are over too, with what was used within each.',
    query: `query Renting {
  viewer {
    tenancies {
      nodes {
        propertyName
        startsAt
        endsAt
        panels { code name dailyUsage(days: 30) { date energyKwh } }
      }
    }
  }
}
`,
  },
  {
    title: 'Where you are signed in',
    about: 'Your sessions, and what was done to your account or tried.',
    query: `query Sessions {
  viewer {
    sessions { id isCurrent lastUsedAt address userAgent }
    auditLog(first: 20) { nodes { at action outcome address } }
  }
}
`,
  },
];
