"""States who may use each query, mutation and subscription, and which scope a service account's key needs for it."""

from typing import Final

from metering.access import Scope
from schema.access_rules import Roots, Rule, Who

OPEN: Final = Rule(Who.ANYBODY)
ANY_KEY: Final = Rule(Who.SIGNED_IN)
PEOPLE: Final = Rule(Who.PERSON)
LANDLORD_PEOPLE: Final = Rule(Who.LANDLORD_PERSON)
ADMIN_PEOPLE: Final = Rule(Who.ADMIN_PERSON)
READ: Final = Rule(Who.SIGNED_IN, Scope.READ)
CREDIT: Final = Rule(Who.SIGNED_IN, Scope.CREDIT)
ALERTS: Final = Rule(Who.SIGNED_IN, Scope.ALERTS)
DEVICES: Final = Rule(Who.SIGNED_IN, Scope.DEVICES)
LANDLORDS_READ: Final = Rule(Who.LANDLORD, Scope.READ)
LANDLORDS_CREDIT: Final = Rule(Who.LANDLORD, Scope.CREDIT)
LANDLORDS_TARIFFS: Final = Rule(Who.LANDLORD, Scope.TARIFFS)
LANDLORDS_DEVICES: Final = Rule(Who.LANDLORD, Scope.DEVICES)
LANDLORDS_PROPERTIES: Final = Rule(Who.LANDLORD, Scope.PROPERTIES)
ADMINS_CREDIT: Final = Rule(Who.ADMIN, Scope.CREDIT)
ADMINS_DEVICES: Final = Rule(Who.ADMIN, Scope.DEVICES)
ADMINS_PROPERTIES: Final = Rule(Who.ADMIN, Scope.PROPERTIES)
ADMINS_SERVICE: Final = Rule(Who.ADMIN, Scope.SERVICE)

ROOTS: Final[Roots] = {
    "Query": {
        "alerts": ALERTS,
        "auditLog": LANDLORDS_READ,
        "deviceMappings": DEVICES,
        "devices": READ,
        "errorCodes": OPEN,
        "limits": OPEN,
        "monthlySummary": READ,
        "node": READ,
        "nodes": READ,
        "panel": READ,
        "panels": READ,
        "payment": READ,
        "payments": LANDLORDS_READ,
        "properties": LANDLORDS_READ,
        "people": ADMIN_PEOPLE,
        "property": LANDLORDS_READ,
        "propertyOverview": LANDLORDS_READ,
        "queryCost": OPEN,
        "rateLimit": OPEN,
        "registeredDevices": LANDLORDS_DEVICES,
        "rejectedMessageGroups": ADMINS_SERVICE,
        "rejectedMessages": ADMINS_SERVICE,
        "rejectedReplay": ADMINS_SERVICE,
        "serviceAccounts": ADMIN_PEOPLE,
        "serviceStatus": READ,
        "signInOptions": OPEN,
        "tariffExamples": READ,
        "tryMessage": DEVICES,
        "vend": READ,
        "viewer": ANY_KEY,
        "weeklySummary": READ,
        "yearSummary": READ,
        "yearlySummary": READ,
    },
    "Mutation": {
        "acknowledgeAlert": ALERTS,
        "assignPayment": ADMINS_CREDIT,
        "buyUnits": LANDLORDS_CREDIT,
        "changePassword": PEOPLE,
        "closeSubscription": ANY_KEY,
        "confirmContactChange": PEOPLE,
        "confirmSecondFactor": PEOPLE,
        "confirmSignUp": OPEN,
        "correctReading": ADMINS_DEVICES,
        "createApiKey": LANDLORD_PEOPLE,
        "createServiceAccount": LANDLORD_PEOPLE,
        "deleteAccount": PEOPLE,
        "disableSecondFactor": PEOPLE,
        "discardRejected": ADMINS_SERVICE,
        "dismissPayment": ADMINS_CREDIT,
        "endSession": PEOPLE,
        "endTenancy": LANDLORDS_PROPERTIES,
        "extendTenancy": LANDLORDS_PROPERTIES,
        "finishLogIn": OPEN,
        "acceptInvitation": PEOPLE,
        "assignPanels": LANDLORDS_PROPERTIES,
        "claimPanels": PEOPLE,
        "createClaimCode": ADMINS_PROPERTIES,
        "createProperty": LANDLORDS_PROPERTIES,
        "describePanel": LANDLORDS_PROPERTIES,
        "setRole": ADMIN_PEOPLE,
        "setDisabled": ADMIN_PEOPLE,
        "grantPanel": ADMIN_PEOPLE,
        "revokePanel": ADMIN_PEOPLE,
        "removePerson": ADMIN_PEOPLE,
        "generateToken": LANDLORDS_CREDIT,
        "inviteTenant": LANDLORDS_PROPERTIES,
        "reissueInvitation": LANDLORDS_PROPERTIES,
        "removeProperty": LANDLORDS_PROPERTIES,
        "revokeDevice": LANDLORDS_DEVICES,
        "revokeInvitation": LANDLORDS_PROPERTIES,
        "updateProperty": LANDLORDS_PROPERTIES,
        "issueDeviceToken": LANDLORDS_DEVICES,
        "leaveTenancy": PEOPLE,
        "logIn": OPEN,
        "logInWithCode": OPEN,
        "logInWithFirebase": OPEN,
        "logOut": PEOPLE,
        "logOutEverywhere": PEOPLE,
        "recordBalance": CREDIT,
        "recordDebt": LANDLORDS_CREDIT,
        "recordReading": CREDIT,
        "refreshSession": OPEN,
        "registerDevice": LANDLORDS_DEVICES,
        "registerPushDevice": PEOPLE,
        "removeDeviceMapping": DEVICES,
        "removeOpenPaygo": LANDLORDS_CREDIT,
        "removePushDevice": PEOPLE,
        "removeServiceAccount": LANDLORD_PEOPLE,
        "removeTariff": LANDLORDS_TARIFFS,
        "replayRejected": ADMINS_SERVICE,
        "requestConfirmation": PEOPLE,
        "requestContactChange": PEOPLE,
        "requestLogInCode": OPEN,
        "requestPasswordReset": OPEN,
        "resendCode": OPEN,
        "resetPassword": OPEN,
        "restoreReadings": ADMINS_DEVICES,
        "reverseEntry": LANDLORDS_CREDIT,
        "revokeApiKey": PEOPLE,
        "rotateDeviceSecret": LANDLORDS_DEVICES,
        "rotateApiKey": LANDLORD_PEOPLE,
        "setDeviceMapping": DEVICES,
        "setEmergencyCredit": LANDLORDS_CREDIT,
        "setLowUnitsRule": ALERTS,
        "setOpenPaygo": LANDLORDS_CREDIT,
        "setTariff": LANDLORDS_TARIFFS,
        "settleDebt": LANDLORDS_CREDIT,
        "signUp": OPEN,
        "startIngest": ADMINS_SERVICE,
        "startPayment": CREDIT,
        "startSecondFactor": PEOPLE,
        "stopIngest": ADMINS_SERVICE,
        "submitEntries": CREDIT,
        "takeEmergencyCredit": CREDIT,
        "topUp": CREDIT,
        "updateDevice": LANDLORDS_DEVICES,
        "withdrawReadings": ADMINS_DEVICES,
        "withdrawTypedReading": LANDLORDS_CREDIT,
    },
    "Subscription": {
        "alerts": ALERTS,
        "depletionForecast": READ,
        "panelReadings": READ,
        "panelStatus": READ,
        "usageToday": READ,
    },
}
"""The rule of each root field. A schema is not built with a field that has none, or with a rule of no field."""


def is_open(field: str, *, root: str) -> bool:
    """Whether nobody needs to sign in for a field of Query, Mutation or Subscription; those of GraphQL itself, too.

    False for a name that no field has.
    """
    return field.startswith("__") or ROOTS[root].get(field) == OPEN
