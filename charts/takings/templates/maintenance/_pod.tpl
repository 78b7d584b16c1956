{{/* The Pod that runs `takings-importer maintain`. */}}
{{- define "takings.maintenancePodSpec" -}}
{{- $maintenance := .Values.database.maintenance -}}
restartPolicy: Never
serviceAccountName: default
automountServiceAccountToken: false
{{ include "takings.placement" (dict "root" . "settings" $maintenance) }}
securityContext:
  {{- include "takings.podSecurityContext" . | nindent 2 }}
containers:
  - name: maintain
    image: {{ include "takings.image" (dict "root" . "image" .Values.importer.image) }}
    imagePullPolicy: {{ .Values.importer.image.pullPolicy }}
    args: [maintain]
    env:
      {{- include "takings.databaseEnv" $maintenance | nindent 6 }}
      {{- include "takings.retentionEnv" $maintenance | nindent 6 }}
    resources:
      {{- toYaml $maintenance.resources | nindent 6 }}
    securityContext:
      {{- include "takings.containerSecurityContext" . | nindent 6 }}
    volumeMounts:
      {{- include "takings.databaseMount" "database" | nindent 6 }}
volumes:
  {{- include "takings.databaseVolume" (dict "name" "database" "secret" $maintenance) | nindent 2 }}
{{- end }}

{{/* How long what is kept: .Values.database.maintenance. 0 is a number of days, empty is none. */}}
{{- define "takings.retentionEnv" -}}
- name: TAKINGS_ABANDON_AFTER
  value: {{ .abandonAfterHours | int64 | quote }}
{{- if not (kindIs "invalid" .keepRevertedForDays) }}
- name: TAKINGS_KEEP_REVERTED_FOR
  value: {{ .keepRevertedForDays | int64 | quote }}
{{- end }}
{{- if not (kindIs "invalid" .keepRejectValuesForDays) }}
- name: TAKINGS_KEEP_REJECT_VALUES_FOR
  value: {{ .keepRejectValuesForDays | int64 | quote }}
{{- end }}
{{- end }}
