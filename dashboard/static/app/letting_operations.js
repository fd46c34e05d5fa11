// The GraphQL operations of landlords, of tenants, and of admins who decide about people and panels.

const REFUSAL = 'refusal { code message field }';

const OVERVIEW = `fragment Overview on PropertyOverview {
  panelCount
  onlineCount
  offlineCount
  prepaidCount
  lowBalanceCount
  emptyBalanceCount
  letCount
  vacantCount
  tenantCount
  openInvitationCount
  today { energyKwh cost { amount currency } }
  thisMonth { energyKwh cost { amount currency } }
  creditSold { amount currency }
  debts { amount currency }
}`;

export const PROPERTIES = `query Properties($first: Int!) {
  propertyOverview { ...Overview }
  properties(first: $first) { totalCount nodes { id name address landlordName overview { ...Overview } } }
}
${OVERVIEW}`;

const TENANCY = `fragment Term on Tenancy {
  id
  panelCodes
  startsAt
  endsAt
  isCurrent
  isShared
  tenant { name email phone }
}`;

export const PROPERTY = `query Property($id: ID!) {
  property(id: $id) {
    id
    name
    address
    landlordName
    overview { ...Overview }
    panels(first: 500) { nodes { code name status isPrepaid timeZone prepaid { estimatedBalanceKwh } } }
    tenancies(first: 100) { nodes { ...Term } }
    invitations(first: 50) {
      nodes { id state panelCodes startsOn endsOn name email phone createdAt expiresAt }
    }
  }
}
${OVERVIEW}
${TENANCY}`;

export const CREATE_PROPERTY = `mutation CreateProperty($input: CreatePropertyInput!) {
  createProperty(input: $input) { property { id } ${REFUSAL} }
}`;

export const UPDATE_PROPERTY = `mutation UpdateProperty($input: UpdatePropertyInput!) {
  updateProperty(input: $input) { property { id } ${REFUSAL} }
}`;

export const CLAIM_PANELS = `mutation ClaimPanels($input: ClaimPanelsInput!) {
  claimPanels(input: $input) { property { id name } ${REFUSAL} }
}`;

export const INVITE_TENANT = `mutation InviteTenant($input: InviteTenantInput!) {
  inviteTenant(input: $input) { code invitation { id expiresAt } ${REFUSAL} }
}`;

export const REISSUE_INVITATION = `mutation ReissueInvitation($input: InvitationInput!) {
  reissueInvitation(input: $input) { code invitation { id expiresAt } ${REFUSAL} }
}`;

export const REVOKE_INVITATION = `mutation RevokeInvitation($input: InvitationInput!) {
  revokeInvitation(input: $input) { ${REFUSAL} }
}`;

export const END_TENANCY = `mutation EndTenancy($input: EndTenancyInput!) {
  endTenancy(input: $input) { tenancy { id } ${REFUSAL} }
}`;

export const EXTEND_TENANCY = `mutation ExtendTenancy($input: ExtendTenancyInput!) {
  extendTenancy(input: $input) { tenancy { id } ${REFUSAL} }
}`;

export const DEVICES = `query RegisteredDevices {
  registeredDevices(first: 500) {
    nodes {
      id
      kind
      name
      propertyId
      panelCodes
      publishTopics
      username
      rotatesUntil
      createdAt
      lastSeenAt
      panels { code property { id } }
    }
  }
}`;

export const REGISTER_DEVICE = `mutation RegisterDevice($input: RegisterDeviceInput!) {
  registerDevice(input: $input) { username secret ${REFUSAL} }
}`;

export const ROTATE_DEVICE = `mutation RotateDevice($input: RotateDeviceSecretInput!) {
  rotateDeviceSecret(input: $input) { username secret endsAt ${REFUSAL} }
}`;

export const REVOKE_DEVICE = `mutation RevokeDevice($input: RevokeDeviceInput!) {
  revokeDevice(input: $input) { ${REFUSAL} }
}`;

export const OWN_TENANCIES = `query OwnTenancies {
  viewer {
    tenancies(first: 100) {
      nodes { id propertyName propertyAddress panelCodes startsAt endsAt isCurrent isShared }
    }
  }
}`;

export const ACCEPT_INVITATION = `mutation AcceptInvitation($input: AcceptInvitationInput!) {
  acceptInvitation(input: $input) { tenancy { id propertyName startsAt } ${REFUSAL} }
}`;

export const LEAVE_TENANCY = `mutation LeaveTenancy($input: LeaveTenancyInput!) {
  leaveTenancy(input: $input) { tenancy { id } ${REFUSAL} }
}`;

export const PAST_TENANCY = `query PastTenancy($from: DateTime!, $to: DateTime!, $step: Step!) {
  viewer {
    tenancies(first: 100) {
      nodes {
        id
        propertyName
        propertyAddress
        startsAt
        endsAt
        panels {
          code
          name
          timeZone
          isPrepaid
          statistics(from: $from, to: $to) { energyKwh cost { amount currency } }
          usage(step: $step, from: $from, to: $to) { from energyKwh isPartial }
          ledger(first: 50) {
            nodes { id at kind unitsKwh shownKwh paid { amount currency } tokenEnding source reversedBy reason }
          }
        }
      }
    }
  }
}`;

export const PEOPLE = `query People($first: Int!, $text: String) {
  people(first: $first, filter: { text: $text }) {
    totalCount
    nodes {
      id
      name
      email
      phone
      isEmailVerified
      isPhoneVerified
      role
      createdAt
      disabledAt
      hasSecondFactor
      panelCodes
      propertyCount
      tenancyCount
    }
  }
}`;

export const SET_ROLE = `mutation SetRole($input: SetRoleInput!) {
  setRole(input: $input) { person { id } ${REFUSAL} }
}`;

export const SET_DISABLED = `mutation SetDisabled($input: SetDisabledInput!) {
  setDisabled(input: $input) { person { id } ${REFUSAL} }
}`;

export const PANELS_AND_OWNERS = `query PanelsAndOwners($after: Cursor) {
  panels(first: 500, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { code name location lastSeenAt property { id } }
  }
}`;

export const PROPERTY_NAMES = `query PropertyNames {
  properties(first: 500) { nodes { id name landlordName } }
}`;

export const ASSIGN_PANELS = `mutation AssignPanels($input: AssignPanelsInput!) {
  assignPanels(input: $input) { property { id name } ${REFUSAL} }
}`;

export const CREATE_CLAIM_CODE = `mutation CreateClaimCode($input: CreateClaimCodeInput!) {
  createClaimCode(input: $input) { code expiresAt ${REFUSAL} }
}`;
