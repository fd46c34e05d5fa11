"""States of every field below the roots who sees it, once they have reached its object."""

from typing import Final

from schema.access_rules import Fields, Sees

_VALUES: Final = """
    AuditDetail BandWidening CostLine CostPart CurrentPrice DailyUsage DateTimeQuantiles Demand DepletionForecast
    DeviceReport EmergencyCredit EnergyQuantiles Fee ForecastBacktest HorizonBacktest HourProfile Interval MappedField
    Money MoneyQuantiles MonthForecast OfflineEntryResult OpenPaygoToken PhaseColumns PhaseValues PreviousSummary
    PreviousUsage Reading ReadingPoint ReadingSeries Receipt ReceiptLine Refusal RegisterEvent StampDuty StandingCharge
    Tariff TariffBand TariffBlock TariffWindow Tax TrialQuantity TrialReading TrialRejection TrialUse TrialValue
    UsageForecast UsageForecastColumns UsageProfile UsageSeries UsageStatistics UsageToday UsageTotal Vending
    MonthlySummary WeeklySummary YearlySummary SummaryTotal ExportLink TypedReading
    ReadingSnapshot ReadingReceived Heartbeat Gap PanelStatusSnapshot PanelStatusState PanelStatusChanged
    UsageTodaySnapshot PanelUsageToday UsageTodayChanged DepletionForecastSnapshot PanelDepletionForecast
    DepletionForecastChanged AlertSnapshot AlertChanged
"""
"""Types that are a value of one object, and hold nothing of any other."""

_PUBLIC: Final = """
    CodeChallenge ErrorCode ForecastingStatus IngestService Limits OperationCost RequestLimits SignInOptions
    TariffExample
"""

FIELDS: Final[Fields] = {
    **{name: {Sees.PARENT: "*"} for name in _VALUES.split()},
    **{name: {Sees.PUBLIC: "*"} for name in _PUBLIC.split()},
    "Alert": {
        Sees.OWN: """id panelCode panelName kind state balanceKwh daysLeft message raisedAt acknowledgedAt clearedAt""",
    },
    "ApiKey": {Sees.OWN: "*"},
    "AuditEntry": {
        Sees.MANAGER: "id at actor accountId panelCode propertyId subjectAccountId action outcome details times",
        Sees.OWN: "address via keyName",
    },
    "Device": {
        Sees.PANEL: """id kind name isOnline onlineChangedAt firstHeardAt lastHeardAt meterNumber latestHeartbeat
            latestStatus panels""",
        Sees.WINDOW: "reports",
    },
    "DeviceMapping": {
        Sees.PANEL: "id topic panelCode fields timePath createdAt createdBy updatedAt updatedBy",
    },
    "LedgerEntry": {
        Sees.WINDOW: """id panelCode at kind unitsKwh shownKwh paid unitPrice taxPercent tariffName tokenEnding
            recordedAt source receipt emergencyKwh debtChange reverses reversedBy reason""",
    },
    "LowUnitsRule": {Sees.OWN: "thresholdKwh thresholdDays isArmed updatedAt"},
    "MessageTrial": {Sees.PANEL: "reader values valueCount readings notes rejected"},
    "OpenPaygoMeter": {
        Sees.PANEL: "kwhPerValue hasRestrictedDigits makesLongTokens setAt isDisabled tokensNotEntered nextTryAt",
    },
    "OpenSubscription": {Sees.OWN: "id operation transport address openedAt"},
    "Panel": {
        Sees.PANEL: """id code name location floor timeZone isPrepaid isCounted status lastSeenAt latestReading today
            tariff tariffs monthForecast currentPrice prepaid device property""",
        Sees.WINDOW: """readings readingHistory gaps usage statistics demand usageProfile dailyUsage weeklySummary
            monthlySummary yearlySummary exportLink readingChanges typedReadings registerEvents""",
        Sees.MANAGER: "registeredDevice",
    },
    "PanelHistory": {Sees.WINDOW: "*"},
    "PanelSummary": {
        Sees.PANEL: "panel",
        Sees.WINDOW: """year month week firstDay lastDay energyKwh exportKwh cost costs costBreakdown peakKw
            averagePowerFactor isPartial isCounted previous""",
    },
    "Payment": {
        Sees.WINDOW: """id provider reference providerId state reason panelCode asked paid refundedAmount startedAt
            paidAt settledAt vend entryId""",
    },
    "PrepaidAccount": {
        Sees.PANEL: """meterNumber balanceKwh balanceAt estimatedBalanceKwh forecast debt emergencyCredit openPaygo
            whatIf quote""",
        Sees.WINDOW: "balanceKwhAt ledger vends",
        Sees.OWN: "lowUnits",
    },
    "PushDevice": {Sees.OWN: "id platform name createdAt"},
    "RegisteredDevice": {
        Sees.MANAGER: """id kind name propertyId panelCodes panelPrefixes publishTopics commandTopics username
            rotatesUntil createdAt updatedAt revokedAt lastSeenAt lastAddress panels""",
    },
    "RateLimit": {Sees.OWN: "cost limit remaining resetAt"},
    "ReadingChange": {
        Sees.WINDOW: "id kind from to readingCount reason madeBy madeAt restoresId isRestored before after",
    },
    "RejectedMessage": {
        Sees.ADMIN: """id topic payloadText isCut code reason receivedAt lastReceivedAt times replayedAt triedAt
            isWaiting""",
    },
    "RejectedMessageGroup": {
        Sees.ADMIN: "code topic messageCount times oldestAt newestAt newestId newestReason",
    },
    "RejectedReplay": {
        Sees.ADMIN: "id askedAt messageCount storedCount stillRejectedCount waitingCount isFinished",
    },
    "ServiceOperations": {
        Sees.ADMIN: """postgresVersion timescaledbVersion databaseSizeMib readingsSizeMib oldestReadingAt
            rejectedLastDayCount serverCount subscriptionCount""",
    },
    "ServiceStatus": {
        Sees.PUBLIC: "at ingest version schemaVersion oldestForecastAt newestForecastAt forecasting",
        Sees.ADMIN: "operations",
    },
    "OwnSession": {Sees.OWN: "*"},
    "SecondFactorChallenge": {Sees.OWN: "*"},
    "SecondFactorSetup": {Sees.OWN: "secret uri qrCode"},
    "SecondFactorState": {Sees.OWN: "isOn recoveryCodesLeft"},
    "ServiceAccount": {Sees.OWN: "*"},
    "Session": {Sees.OWN: "accessToken expiresAt refreshToken refreshExpiresAt viewer"},
    "Vend": {
        Sees.WINDOW: """reference panelCode meterNumber price state reason detail requestedAt sentAt deliveredAt token
            unitsKwh entryId""",
    },
    "Invitation": {Sees.MANAGER: "*"},
    "Property": {Sees.MANAGER: "*"},
    "OverviewUsage": {Sees.PARENT: "*"},
    "PropertyOverview": {Sees.PARENT: "*"},
    "Person": {Sees.ADMIN: "*"},
    "PropertyAddress": {Sees.PARENT: "*"},
    "Tenancy": {
        Sees.MANAGER: "tenant",
        Sees.PARENT: "id propertyName propertyAddress panelCodes startsAt endsAt isCurrent isShared",
        Sees.WINDOW: "panels",
    },
    "Tenant": {Sees.PARENT: "*"},
    "Viewer": {
        Sees.PERSON: "secondFactor serviceAccounts sessions tenancies",
        Sees.OWN: "name email phone role panelCount subscriptions auditLog",
    },
}
"""Of each type, who sees which of its fields. Types whose names end as `SHAPES` do hold others, and need no line."""
