{{- define "ferryman.labels" -}}
app.kubernetes.io/name: ferryman
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ferryman.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
envFrom:
  - configMapRef:
      name: {{ .Release.Name }}-ferryman
  - secretRef:
      name: {{ .Values.secretName }}
volumeMounts:
  - name: data
    mountPath: /var/lib/ferryman
  - name: tmp
    mountPath: /tmp
{{- end }}

{{- define "ferryman.pod" -}}
automountServiceAccountToken: false
# Workers and the API each have 30 seconds to finish.
terminationGracePeriodSeconds: 90
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
# Nothing is kept here: what lasts is in the database and in the store.
volumes:
  - name: data
    emptyDir: {}
  - name: tmp
    emptyDir: {}
{{- end }}
