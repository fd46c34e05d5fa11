// The operations of relay.test.js, for relay-compiler.
import { graphql } from 'relay-runtime';

export const floors = graphql`
  query FloorsQuery($first: Int!, $after: Cursor) {
    panels(first: $first, after: $after) @connection(key: "Floors_panels") {
      totalCount
      edges {
        node {
          id
          code
          name
        }
      }
    }
  }
`;

export const again = graphql`
  query FloorsAgainQuery($id: ID!) {
    node(id: $id) {
      id
      ... on Panel {
        code
        floor
      }
    }
  }
`;

export const readings = graphql`
  query FloorsReadingsQuery($code: String!, $maxPoints: Int!) {
    panel(code: $code) @catch(to: RESULT) {
      readings(maxPoints: $maxPoints) {
        count
      }
    }
  }
`;

export const topUp = graphql`
  mutation FloorsTopUpMutation($input: TopUpInput!) {
    topUp(input: $input) {
      entry {
        unitsKwh
      }
      refusal {
        code
      }
    }
  }
`;

export const live = graphql`
  subscription FloorsLiveSubscription($codes: [String!], $after: Cursor) {
    panelReadings(codes: $codes, after: $after) {
      __typename
      ... on ReadingSnapshot {
        cursor
        isComplete
      }
      ... on ReadingReceived {
        cursor
        panelCode
        reading {
          energyImportKwh
        }
      }
      ... on Heartbeat {
        cursor
      }
      ... on Gap {
        cursor
        reason
      }
    }
  }
`;
